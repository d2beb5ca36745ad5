/**
 * whatsapp-web.js 1.34.7 reads `MsgKey._serialized`; WhatsApp Web renamed that field to `$1` in July 2026 (issues
 * #201830, #201832 of the library; builds from 2.3000.1042401057). Without help, replies go out unquoted, reactions do
 * nothing and chats cannot be opened. `msgKeyShim` runs in the page and gives keys their old name back; `keyText` reads,
 * in Node, also the keys that were made before the shim took hold. On a page with the old name the shim does nothing.
 */

/** A WhatsApp id as it reaches Node: a string in events, an object in the results of methods. */
export type LooseId = string | { _serialized?: string; $1?: string };

/** A message key as it reaches Node. */
export interface LooseKey {
  fromMe: boolean;
  remote: LooseId;
  id: string;
  participant?: LooseId | null;
  _serialized?: string;
  $1?: string;
}

interface KeyClass {
  prototype: object;
  default?: KeyClass;
}

/**
 * For the library's option `evalOnNewDoc`: runs in the page before the page's own scripts, on every navigation. Self
 * contained, because only its source crosses over. It learns the renamed field from the source of MsgKey's toString.
 */
export function msgKeyShim(): void {
  const page = globalThis as { require?: (module: string) => KeyClass };
  const patch = (): boolean => {
    let found: KeyClass | undefined;
    try {
      found = page.require?.('WAWebMsgKey');
    } catch {
      return false; // the loader does not know the module yet
    }
    const prototype = (found?.default ?? found)?.prototype;
    if (prototype === undefined) return false;
    const source = Function.prototype.toString.call((prototype as { toString: () => string }).toString);
    const field = /return\s+this\.([$\w]+)/.exec(source)?.[1];
    if (field === undefined || field === '_serialized') return true;
    const put = (key: object, value: unknown): void => {
      Object.defineProperty(key, '_serialized', { value, enumerable: true, writable: true, configurable: true });
    };
    // keys made from now on: the constructor's assignment lands here and becomes an own `_serialized`
    Object.defineProperty(prototype, field, {
      configurable: true,
      get(this: { _serialized?: string }) {
        return this._serialized;
      },
      set(this: object, value: unknown) {
        put(this, value);
      },
    });
    // keys made before own the renamed field; let `_serialized` read it
    Object.defineProperty(prototype, '_serialized', {
      configurable: true,
      get(this: object) {
        return Object.getOwnPropertyDescriptor(this, field)?.value as unknown;
      },
      set(this: object, value: unknown) {
        put(this, value);
      },
    });
    return true;
  };
  if (patch()) return;
  const timer = setInterval(() => {
    if (patch()) clearInterval(timer);
  }, 10);
}

/** The id of a person or chat as a string; '' where there is none. */
export function idText(id: LooseId | null | undefined): string {
  if (id === null || id === undefined) return '';
  return typeof id === 'string' ? id : (id._serialized ?? id.$1 ?? '');
}

/** The serialised form of a message key, whatever its field is called. */
export function keyText(key: LooseKey): string {
  const participant = idText(key.participant);
  const parts = [String(key.fromMe), idText(key.remote), key.id, ...(participant === '' ? [] : [participant])];
  return key._serialized ?? key.$1 ?? parts.join('_');
}
