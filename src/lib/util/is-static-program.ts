import { open } from 'node:fs/promises';

const MAGIC = '\x7fELF';
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
/** The program header that names the loader of a dynamic program. */
const PT_INTERP = 3;
const MAX_HEADERS_BYTES = 64 * 1024;
const FILE_HEADER_BYTES = 64;

/** Returns whether a file is an ELF program that needs no other file to run. Throws file system errors. */
export async function isStaticProgram(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const read = async (position: number, length: number): Promise<DataView> => {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, position);
      return new DataView(buffer.buffer, buffer.byteOffset, bytesRead);
    };
    const header = await read(0, FILE_HEADER_BYTES);
    if (header.byteLength < FILE_HEADER_BYTES || text(header, MAGIC.length) !== MAGIC) return false;
    const is64 = header.getUint8(4) === CLASS_64;
    const isLittle = header.getUint8(5) === LITTLE_ENDIAN;
    const offset = is64 ? Number(header.getBigUint64(32, isLittle)) : header.getUint32(28, isLittle);
    const size = header.getUint16(is64 ? 54 : 42, isLittle);
    const count = header.getUint16(is64 ? 56 : 44, isLittle);
    const headers = await read(offset, Math.min(size * count, MAX_HEADERS_BYTES));
    const types = Array.from({ length: count }, (_, index) => index * size)
      .filter((start) => start + 4 <= headers.byteLength)
      .map((start) => headers.getUint32(start, isLittle));
    return types.length > 0 && !types.includes(PT_INTERP);
  } finally {
    await file.close();
  }
}

function text(view: DataView, length: number): string {
  return Buffer.from(view.buffer, view.byteOffset, length).toString('latin1');
}
