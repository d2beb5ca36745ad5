/**
 * Events, models and collections as whatsapp-web.js meets them in WhatsApp Web: `on`, `off`, `once`, `trigger`,
 * `change:<field>` events that bubble to the collection, and `serialize()`.
 */
import { report } from './link.js';

export class Emitter {
  constructor() {
    Object.defineProperty(this, 'listeners', { value: new Map(), enumerable: false });
  }
  on(names, listener) {
    for (const name of names.split(/\s+/)) {
      if (!this.listeners.has(name)) this.listeners.set(name, []);
      this.listeners.get(name).push(listener);
    }
    return this;
  }
  once(name, listener) {
    const wrapped = (...args) => {
      this.off(name, wrapped);
      listener(...args);
    };
    wrapped.original = listener;
    return this.on(name, wrapped);
  }
  off(name, listener) {
    const kept = (this.listeners.get(name) ?? []).filter(
      (each) => listener && each !== listener && each.original !== listener,
    );
    this.listeners.set(name, kept);
    return this;
  }
  listenerCount(name) {
    return (this.listeners.get(name) ?? []).length;
  }
  trigger(name, ...args) {
    for (const listener of [...(this.listeners.get(name) ?? [])]) {
      try {
        const result = listener(...args);
        if (typeof result?.catch === 'function') result.catch((error) => report(`listener ${name}`, error));
      } catch (error) {
        report(`listener ${name}`, error);
      }
    }
    return this;
  }
}

export class Model extends Emitter {
  constructor(fields = {}) {
    super();
    Object.defineProperty(this, 'collection', { value: null, writable: true, enumerable: false });
    Object.assign(this, fields);
  }
  /** Assign all fields, then announce each one that changed. */
  set(changes) {
    const changed = [];
    for (const [field, value] of Object.entries(changes)) {
      if (this[field] === value) continue;
      changed.push([field, value, this[field]]);
      this[field] = value;
    }
    for (const [field, value, previous] of changed) this.announce(`change:${field}`, value, previous);
    if (changed.length > 0) this.announce('change');
    return this;
  }
  announce(name, ...rest) {
    this.trigger(name, this, ...rest);
    this.collection?.trigger(name, this, ...rest);
  }
  serialize() {
    const out = {};
    for (const [field, value] of Object.entries(this)) {
      if (typeof value === 'function' || value === undefined) continue;
      if (value instanceof Model) out[field] = value.serialize();
      else if (value instanceof Collection) out[field] = value.serialize();
      else out[field] = value;
    }
    return out;
  }
  toJSON() {
    return this.serialize();
  }
  unsafe() {
    return this;
  }
}

/** Models by the string form of their id. `create(id)` makes what `find` and `gadd` do not have yet. */
export class Collection extends Emitter {
  constructor(modelClass, create) {
    super();
    Object.defineProperty(this, 'models', { value: new Map(), enumerable: false });
    Object.defineProperty(this, 'modelClass', { value: modelClass, enumerable: false });
    Object.defineProperty(this, 'create', { value: create, enumerable: false });
  }
  get(id) {
    return this.models.get(String(id));
  }
  getModelsArray() {
    return [...this.models.values()];
  }
  get length() {
    return this.models.size;
  }
  /** A model whose id is known already is not added twice. */
  add(fields, { silent = false } = {}) {
    const model = fields instanceof Model ? fields : new this.modelClass(fields);
    const known = this.get(model.id);
    if (known) return known;
    model.collection ??= this;
    this.models.set(String(model.id), model);
    if (!silent) this.trigger('add', model);
    return model;
  }
  gadd(id, options) {
    return this.get(id) ?? this.add(this.create(id), options);
  }
  remove(modelOrId) {
    const model = this.get(modelOrId.id ?? modelOrId);
    if (!model) return;
    this.models.delete(String(model.id));
    this.trigger('remove', model);
  }
  async find(id) {
    const known = this.get(id);
    if (known || !this.create) return known;
    return this.add(this.create(id), { silent: true });
  }
  serialize() {
    return this.getModelsArray().map((model) => model.serialize());
  }
}
