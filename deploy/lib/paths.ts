import { resolve } from 'node:path';

/** The root of this checkout. */
export const CHECKOUT = resolve(import.meta.dirname, '../..');
export const DEPLOY_FOLDER = resolve(CHECKOUT, 'deploy');
export const DEPLOYMENTS_FILE = resolve(DEPLOY_FOLDER, 'deployments.yml');
/** Records of what was built. */
export const RECORDS = resolve(DEPLOY_FOLDER, 'amis');
/** What worker pools were before they were changed. */
export const BACKUPS = resolve(DEPLOY_FOLDER, 'backups');
