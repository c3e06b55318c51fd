import { Component } from 'preact';
import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { GroupTask, TaskState } from '../api/types.js';
import { shortened, visible } from '../format/visible-text.js';
import { taskPath } from '../routes.js';
import { NODE_HEIGHT, NODE_WIDTH, layoutOf } from './layout.js';
import type { GraphLayout } from './layout.js';
import { structureOf } from './structure.js';

const LONGEST_NAME = 24;
const ZOOMS = [0.25, 0.5, 0.75, 1, 1.5, 2] as const;

interface GraphProps {
  readonly tasks: ReadonlyMap<string, GroupTask>;
  /** The graph is laid out again when this changes. */
  readonly structureVersion: number;
  /** Tasks whose names lack this text are dimmed. */
  readonly filter: string;
}

/** The tasks of a group, dependencies to the left of what depends on them. */
export function GroupGraph({ tasks, structureVersion, filter }: GraphProps): JSX.Element {
  const [zoom, setZoom] = useState(1);
  const layout = useMemo(() => layoutOf(structureOf(tasks.values())), [structureVersion]);
  const wanted = filter.toLowerCase();
  return (
    <>
      <Zoom zoom={zoom} onZoom={setZoom} />
      <div class="graph" role="region" aria-label="Graph of the tasks" tabIndex={0}>
        <svg
          width={layout.width * zoom}
          height={layout.height * zoom}
          viewBox={`0 0 ${layout.width} ${layout.height}`}
          role="group"
          aria-label={`${tasks.size} tasks and their dependencies`}
        >
          <Edges layout={layout} />
          {[...layout.places].map(([taskId, { x, y }]) => {
            const task = tasks.get(taskId);
            if (!task) return null;
            const { name } = task.task.metadata;
            const isDim = wanted !== '' && !`${name} ${task.status.state} ${taskId}`.toLowerCase().includes(wanted);
            return <GraphNode key={taskId} {...{ taskId, x, y, name, isDim }} state={task.status.state} />;
          })}
        </svg>
      </div>
    </>
  );
}

interface NodeProps {
  readonly taskId: string;
  readonly x: number;
  readonly y: number;
  readonly name: string;
  readonly state: TaskState;
  readonly isDim: boolean;
}

/** One task. Rendered again only when its own state changes: hundreds of tasks may change at the same time. */
class GraphNode extends Component<NodeProps> {
  override shouldComponentUpdate(next: NodeProps): boolean {
    const { x, y, name, state, isDim } = this.props;
    return next.state !== state || next.isDim !== isDim || next.x !== x || next.y !== y || next.name !== name;
  }

  override render(): JSX.Element {
    const { taskId, x, y, name, state, isDim } = this.props;
    return (
      <g transform={`translate(${x - NODE_WIDTH / 2} ${y - NODE_HEIGHT / 2})`}>
        <a
          href={taskPath(taskId)}
          class={`node node-${state}${isDim ? ' dim' : ''}`}
          data-row
          data-task={taskId}
          data-state={state}
        >
          {/* The title names the link in whole; what is drawn may be a part of it. */}
          <title>{`${visible(name)}, ${state}`}</title>
          <g aria-hidden="true">
            <rect width={NODE_WIDTH} height={NODE_HEIGHT} rx="3" />
            <text x="10" y="14">
              {shortened(name, LONGEST_NAME)}
            </text>
            <text x="10" y="28" class="node-state">
              {state}
            </text>
          </g>
        </a>
      </g>
    );
  }
}

class Edges extends Component<{ readonly layout: GraphLayout }> {
  override shouldComponentUpdate(next: { readonly layout: GraphLayout }): boolean {
    return next.layout !== this.props.layout;
  }

  override render(): JSX.Element {
    return (
      <g class="edges" aria-hidden="true">
        {this.props.layout.edges.map(({ from, to, points }) => (
          <polyline key={`${from} ${to}`} points={points.map(({ x, y }) => `${x},${y}`).join(' ')} />
        ))}
      </g>
    );
  }
}

function Zoom({ zoom, onZoom }: { readonly zoom: number; readonly onZoom: (zoom: number) => void }): JSX.Element {
  const smaller = ZOOMS.findLast((each) => each < zoom);
  const larger = ZOOMS.find((each) => each > zoom);
  return (
    <div class="zoom" role="group" aria-label="Size of the graph">
      <button
        type="button"
        aria-label="Smaller"
        disabled={smaller === undefined}
        onClick={() => {
          onZoom(smaller ?? zoom);
        }}
      >
        −
      </button>
      <span>{Math.round(zoom * 100)} %</span>
      <button
        type="button"
        aria-label="Larger"
        disabled={larger === undefined}
        onClick={() => {
          onZoom(larger ?? zoom);
        }}
      >
        +
      </button>
    </div>
  );
}
