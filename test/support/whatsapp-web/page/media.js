/** Modules for media, both ways; bytes lie on the stand-in's server unencrypted. */

const base64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));

const hashOf = async (blob) => base64(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()));

class OpaqueData {
  constructor(blob, type) {
    this.blob = blob;
    this.type = type;
  }
  static async createFromData(data, type) {
    return new OpaqueData(data instanceof OpaqueData ? data.blob : data, type || data.type);
  }
  url() {
    return 'blob:stand-in';
  }
  autorelease() {}
  formData() {
    return this.blob;
  }
}

function typeOf(opaque, { asDocument, asSticker, isPtt }) {
  if (asDocument) return 'document';
  if (asSticker) return 'sticker';
  if (isPtt) return 'ptt';
  return (opaque.type ?? '').split('/')[0].replace('application', 'document');
}

function prepRawMedia(opaque, params) {
  const waitForPrep = async () => {
    const data = {
      type: typeOf(opaque, params),
      mimetype: opaque.type,
      filehash: await hashOf(opaque.blob),
      mediaBlob: opaque,
      size: opaque.blob.size,
      filename: opaque.blob.name,
    };
    return Object.assign(data, {
      set: (fields) => Object.assign(data, fields),
      toJSON() {
        const { mediaBlob: _blob, set: _set, toJSON: _toJson, ...rest } = data;
        return rest;
      },
    });
  };
  return { waitForPrep };
}

const objects = new Map();

function getOrCreateMediaObject(hash) {
  if (!objects.has(hash)) {
    const fresh = { filehash: hash, contentInfo: {}, consolidate: (data) => Object.assign(fresh, data) };
    objects.set(hash, fresh);
  }
  return objects.get(hash);
}

const cache = new Map();

async function uploadMedia({ mediaObject }) {
  const body = cache.get(mediaObject.filehash);
  const { path } = await (await fetch('/_standin/media', { method: 'POST', body })).json();
  const hash = mediaObject.filehash;
  const mmsUrl = location.origin + path;
  return { mediaEntry: { mmsUrl, directPath: path, mediaKey: 'k', encFilehash: hash, uploadHash: hash } };
}

async function downloadAndMaybeDecrypt({ directPath }) {
  const response = await fetch(directPath);
  if (!response.ok) throw Object.assign(new Error(`media ${response.status}`), { status: response.status });
  return response.arrayBuffer();
}

export const encodeB64 = base64;

export const mediaModules = {
  WAWebDownloadManager: { downloadManager: { downloadAndMaybeDecrypt } },
  WAWebMediaOpaqueData: OpaqueData,
  WAWebPrepRawMedia: { prepRawMedia },
  WAWebMediaStorage: { getOrCreateMediaObject },
  WAWebMmsMediaTypes: { msgToMediaType: ({ type }) => type, castToV4: (type) => type },
  WAWebMediaDataUtils: { shouldUseMediaCache: () => true },
  WAWebMediaInMemoryBlobCache: { InMemoryMediaBlobCache: { put: (hash, blob) => cache.set(hash, blob) } },
  WAWebMediaMmsV4Upload: { uploadMedia },
};
