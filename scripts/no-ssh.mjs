// Stands in for ssh2, by which docker-modem reaches engines behind ssh: an address that the worker's configuration does not
// have. Loading it is a tenth of what a worker takes to start.
export class Client {
  constructor() {
    throw new Error('ssh is not part of the built programs');
  }
}
