/** Ids: `Wid` names a person or chat, `MsgKey` a message. */

const widPattern = /^([^@\s]+)@(c\.us|s\.whatsapp\.net|g\.us|lid|broadcast|newsletter|bot)$/;

export class Wid {
  constructor(user, server) {
    this.server = server;
    this.user = user;
    this._serialized = `${user}@${server}`;
  }
  static of(value) {
    if (value instanceof Wid) return value;
    const text = typeof value === 'string' ? value : value?._serialized;
    const parts = widPattern.exec(text ?? '');
    if (!parts) throw new Error(`wid error: invalid wid ${JSON.stringify(value)}`);
    return new Wid(parts[1], parts[2] === 's.whatsapp.net' ? 'c.us' : parts[2]);
  }
  isLid() {
    return this.server === 'lid';
  }
  isGroup() {
    return this.server === 'g.us';
  }
  isUser() {
    return this.server === 'c.us' || this.server === 'lid';
  }
  isStatus() {
    return this._serialized === 'status@broadcast';
  }
  isBroadcast() {
    return this.server === 'broadcast';
  }
  isNewsletter() {
    return this.server === 'newsletter';
  }
  equals(other) {
    return String(other) === this._serialized;
  }
  toJid() {
    return this._serialized.replace('@c.us', '@s.whatsapp.net');
  }
  toString() {
    return this._serialized;
  }
  // Events reach Node through JSON, method results as own fields over the debugging protocol. Reports differ on what
  // JSON gives, so a setting picks it; a bot must accept both.
  toJSON() {
    return window.standInSettings.widJson === 'string' ? this._serialized : { ...this };
  }
}

/** null and undefined stay what they are. */
export const wid = (value) => (value === undefined || value === null ? undefined : Wid.of(value));

const field = window.standInSettings.msgKeyField;

export class MsgKey {
  constructor({ from, to, remote, id, participant, selfDir, fromMe }) {
    this.fromMe = fromMe ?? selfDir === 'out';
    this.remote = wid(remote ?? (this.fromMe ? to : from));
    this.id = id;
    if (participant) this.participant = wid(participant);
    this[field] = [this.fromMe, this.remote, id, ...(participant ? [this.participant] : [])].join('_');
  }
  static fromString(text) {
    const [fromMe, remote, id, participant] = text.split('_');
    return new MsgKey({ fromMe: fromMe === 'true', remote, id, participant });
  }
  static async newId() {
    const bytes = [...crypto.getRandomValues(new Uint8Array(9))];
    return (
      '3EB0' +
      bytes
        .map((byte) => byte.toString(16).padStart(2, '0'))
        .join('')
        .toUpperCase()
    );
  }
}

// WhatsApp renamed the field in July 2026; the name stands in the function's source, where a shim can read it
MsgKey.prototype.toString =
  field === '$1'
    ? function () {
        return this.$1;
      }
    : function () {
        return this._serialized;
      };
