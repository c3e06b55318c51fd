import { resolve } from 'node:path';

/** The root of this checkout. */
export const CHECKOUT = resolve(import.meta.dirname, '../..');
export const DEPLOY_FOLDER = resolve(CHECKOUT, 'deploy');
export const DEPLOYMENTS_FILE = resolve(DEPLOY_FOLDER, 'deployments.yml');
/** The directory of the build records. */
export const RECORDS = resolve(DEPLOY_FOLDER, 'amis');
/** The directory of worker pool backups, written before updates. */
export const BACKUPS = resolve(DEPLOY_FOLDER, 'backups');
