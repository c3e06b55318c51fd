// Stands in for the gRPC libraries with which dockerode serves sessions of BuildKit: builds, which the worker never asks for.
// Loading them is a tenth of what a worker takes to start.
const unused = () => {
  throw new Error('BuildKit is not part of the built programs');
};
export const loadSync = unused;
export const loadPackageDefinition = unused;
export class Server {
  constructor() {
    unused();
  }
}
