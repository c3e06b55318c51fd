import { Readable } from 'node:stream';
import { ApiError } from '../http/api-error.js';
import { endpoint } from '../http/endpoint.js';
import type { Endpoint } from '../http/endpoint.js';
import type { ObjectStore } from '../object-store/object-store.js';
import type { SignedUrls } from '../object-store/signed-urls.js';
import {
  CREATE_UPLOAD_REQUEST,
  CREATE_UPLOAD_RESPONSE,
  FINISH_UPLOAD_REQUEST,
  OBJECT_RESPONSE,
  START_DOWNLOAD_REQUEST,
  START_DOWNLOAD_RESPONSE,
} from '../schemas/object-schemas.js';
import type { CreateUploadRequest } from '../schemas/object-schemas.js';
import { checkHashes } from './check-hashes.js';
import type { ObjectTable } from './object-table.js';

export interface ObjectServices {
  readonly objects: ObjectTable;
  readonly store: ObjectStore;
  readonly urls: SignedUrls;
}

/** Returns the endpoints of the object service: uploads by a negotiated method, and downloads of finished uploads. */
export function objectEndpoints(services: ObjectServices): readonly Endpoint[] {
  return [createUpload(services), finishUpload(services), startDownload(services), ...readEndpoints(services)];
}

/**
 * Returns the store's key for an object. The key keeps it apart from S3 artifacts and from an earlier object of the
 * same name that has expired.
 */
export function storeKey(name: string, uploadId: string): string {
  return `object/${uploadId}/${name}`;
}

function createUpload(services: ObjectServices): Endpoint {
  return endpoint({
    name: 'createUpload',
    method: 'PUT',
    route: '/upload/<name>',
    input: CREATE_UPLOAD_REQUEST,
    output: CREATE_UPLOAD_RESPONSE,
    handle: async ({ param, input, authorize, baseUrl }) => {
      const { proposedUploadMethods, hashes, ...upload } = input;
      const name = param('name');
      authorize(`object:upload:${upload.projectId}:${name}`);
      services.objects.open(name, { ...upload, hashes });
      return {
        body: {
          ...upload,
          uploadMethod: await agree(services, baseUrl, storeKey(name, upload.uploadId), proposedUploadMethods),
        },
      };
    },
  });
}

/** Carries out the first proposed method that is supported; an empty answer is valid too. */
async function agree(
  { store, urls }: ObjectServices,
  baseUrl: string,
  key: string,
  { dataInline, putUrl }: CreateUploadRequest['proposedUploadMethods'],
): Promise<object> {
  if (dataInline) {
    const content = Buffer.from(dataInline.objectData, 'base64');
    const headers = { contentType: dataInline.contentType, contentEncoding: undefined, size: content.length };
    await store.put(key, headers, Readable.from([content]));
    return { dataInline: true };
  }
  if (!putUrl) return {};
  const headers = { 'content-type': putUrl.contentType, 'content-length': String(putUrl.contentLength) };
  const { url, expires } = urls.sign(baseUrl, 'PUT', key, headers);
  return { putUrl: { url, expires: expires.toJSON(), headers } };
}

function finishUpload({ objects, store }: ObjectServices): Endpoint {
  return endpoint({
    name: 'finishUpload',
    method: 'POST',
    route: '/finish-upload/<name>',
    input: FINISH_UPLOAD_REQUEST,
    handle: async ({ param, input: { hashes = {}, ...upload }, authorize }) => {
      const name = param('name');
      authorize(`object:upload:${upload.projectId}:${name}`);
      const finishing = objects.finishing(name, upload, hashes);
      if (finishing) {
        const stored = store.get(storeKey(name, finishing.uploadId));
        if (!stored) throw new ApiError('InputError', `Nothing was uploaded to object ${name}.`);
        await checkHashes(store, stored, finishing.hashes);
        objects.finish(name, finishing);
      }
      return { body: {} };
    },
  });
}

function startDownload({ objects, urls }: ObjectServices): Endpoint {
  return endpoint({
    name: 'startDownload',
    method: 'PUT',
    route: '/start-download/<name>',
    input: START_DOWNLOAD_REQUEST,
    output: START_DOWNLOAD_RESPONSE,
    scopes: (param) => `object:download:${param('name')}`,
    handle: ({ param, input: { acceptDownloadMethods: accepted }, baseUrl }) => {
      const { hashes, uploadId } = objects.get(param('name'));
      if (!accepted.getUrl && !accepted.simple) {
        throw new ApiError('NoMatchingMethod', 'The object can be downloaded by the methods getUrl and simple.');
      }
      const { url, expires } = urls.sign(baseUrl, 'GET', storeKey(param('name'), uploadId));
      if (!accepted.getUrl) return { body: { method: 'simple', url } };
      return { body: { method: 'getUrl', url, expires: expires.toJSON(), hashes } };
    },
  });
}

function readEndpoints({ objects, urls }: ObjectServices): readonly Endpoint[] {
  return [
    endpoint({
      name: 'object',
      method: 'GET',
      route: '/metadata/<name>',
      output: OBJECT_RESPONSE,
      scopes: (param) => `object:download:${param('name')}`,
      handle: ({ param }) => {
        const { projectId, expires, hashes } = objects.get(param('name'));
        return { body: { projectId, expires, hashes } };
      },
    }),
    endpoint({
      name: 'download',
      method: 'GET',
      route: '/download/<name>',
      scopes: (param) => `object:download:${param('name')}`,
      handle: ({ param, baseUrl }) => {
        const key = storeKey(param('name'), objects.get(param('name')).uploadId);
        return { status: 303, headers: { location: urls.sign(baseUrl, 'GET', key).url } };
      },
    }),
  ];
}
