// Creates a task for a worker with the packaged configuration, and prints the address of its log. Needs the variables
// TASKCLUSTER_ROOT_URL, TASKCLUSTER_CLIENT_ID and TASKCLUSTER_ACCESS_TOKEN, as local-taskcluster prints them.
import taskcluster from 'taskcluster-client';

const queue = new taskcluster.Queue(taskcluster.fromEnvVars());
const taskId = taskcluster.slugid();
await queue.createTask(taskId, {
  taskQueueId: 'local/docker-worker',
  created: taskcluster.fromNowJSON('0 seconds'),
  deadline: taskcluster.fromNowJSON('1 hour'),
  expires: taskcluster.fromNowJSON('1 day'),
  payload: { image: 'docker-worker/demo:latest', command: ['echo', 'hello'], maxRunTime: 60 },
  metadata: { name: 'hello', description: 'says hello', owner: 'me@example.com', source: 'https://example.com' },
});
console.log(queue.buildUrl(queue.getLatestArtifact, taskId, 'public/logs/live.log'));
