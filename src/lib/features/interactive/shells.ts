import { refuse } from './client-session.js';
import type { Connection } from './interactive-server.js';
import { shellRequest } from './shell-protocol.js';
import type { TaskSessions } from './task-sessions.js';

/** Of a command in the logs. */
const MAX_COMMAND_LENGTH = 200;

/** Gives who connects the shell, or the program, that the address asks for. */
export function openShell(sessions: Pick<TaskSessions, 'take'>, connection: Connection): void {
  const { protocol, tty, command } = shellRequest(connection.query);
  if (command.includes('')) {
    refuse(connection.socket, protocol, 'A word of the command is empty.');
    return;
  }
  const title = command.length > 0 ? brief(command) : 'a shell';
  sessions.take(connection, { protocol, tty, command: () => command, title, facts: { command: title, tty } });
}

function brief(command: readonly string[]): string {
  const text = JSON.stringify(command);
  return text.length > MAX_COMMAND_LENGTH ? `${text.slice(0, MAX_COMMAND_LENGTH)}…` : text;
}
