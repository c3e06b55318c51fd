import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';

type Method<Name extends 'datasync' | 'writev'> = (
  this: FileHandle,
  buffers: readonly Buffer[],
  original: FileHandle[Name],
) => Promise<unknown>;

/** Runs `test` with this method replaced for all files of this process. */
export async function withFileMethod<Name extends 'datasync' | 'writev'>(
  name: Name,
  method: Method<Name>,
  test: () => Promise<void>,
): Promise<void> {
  const file = await open('/dev/null');
  const handles = Object.getPrototypeOf(file) as FileHandle;
  await file.close();
  const original = handles[name];
  Reflect.set(handles, name, function (this: FileHandle, buffers: readonly Buffer[]) {
    return method.call(this, buffers, original);
  });
  try {
    await test();
  } finally {
    Reflect.set(handles, name, original);
  }
}
