// Prints a packer template with its builders replaced by those of the same names that provision a machine that is there already.
//
// usage: node test/vm/null-template.mjs TEMPLATE PORT KEY_FILE     the machine's SSH server is 127.0.0.1:PORT
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

const [template, port, keyFile] = process.argv.slice(2);
// The result is somewhere else, and what it names is still where the template is.
const text = readFileSync(template, 'utf8').replaceAll('{{template_dir}}', dirname(resolve(template)));
const machine = { ssh_host: '127.0.0.1', ssh_port: Number(port), ssh_username: 'root', ssh_private_key_file: keyFile };
// The name of the builder decides about the chain of trust key, and steps that are for one of them want it to be there.
const { builders, ...rest } = JSON.parse(text);
const ours = builders.map(({ name }) => ({ type: 'null', name, ssh_timeout: '10m', ...machine }));
process.stdout.write(JSON.stringify({ ...rest, builders: ours }));
