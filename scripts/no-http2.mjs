// Stands in for http2-wrapper, which got can do without as long as nobody sets its `http2`. Loading it makes a TLS socket,
// to see how node builds one: a tenth of the time that a worker takes to start.
export default {
  get auto() {
    throw new Error('HTTP/2 is not part of the built programs');
  },
  get globalAgent() {
    throw new Error('HTTP/2 is not part of the built programs');
  },
};
