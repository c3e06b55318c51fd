import { Graph, layout } from '@dagrejs/dagre';
import type { GraphStructure } from './structure.js';

export const NODE_WIDTH = 190;
export const NODE_HEIGHT = 34;
const MARGIN = 12;

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Where everything is, in pixels; a node's place is its centre. */
export interface GraphLayout {
  readonly width: number;
  readonly height: number;
  readonly places: ReadonlyMap<string, Point>;
  readonly edges: readonly { readonly from: string; readonly to: string; readonly points: readonly Point[] }[];
}

/** Lays the graph out from left to right. Tasks without any edge would make one long column: they are put into rows. */
export function layoutOf({ nodes, edges }: GraphStructure): GraphLayout {
  const linked = new Set(edges.flat());
  const graph = new Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: 10, ranksep: 50, marginx: MARGIN, marginy: MARGIN });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) if (linked.has(node)) graph.setNode(node, { width: NODE_WIDTH, height: NODE_HEIGHT });
  for (const [from, to] of edges) graph.setEdge(from, to);
  const places = new Map<string, Point>();
  let [width, height] = [0, 0];
  if (linked.size > 0) {
    layout(graph);
    const size = graph.graph() as { readonly width?: number; readonly height?: number };
    [width, height] = [size.width ?? 0, size.height ?? 0];
    for (const node of linked) places.set(node, pointOf(graph.node(node) as Point));
  }
  const placeOf = (node: string): Point => places.get(node) ?? { x: 0, y: 0 };
  const alone = nodes.filter((node) => !linked.has(node));
  const bottom = placeInRows(alone, { top: height, width }, places);
  return {
    ...{ width: Math.max(width, bottom.width), height: bottom.height, places },
    edges: edges.map(([from, to]) => {
      const { points = [] } = graph.edge(from, to) as { readonly points?: readonly Point[] };
      return { from, to, points: [side(placeOf(from), 1), ...points.slice(1, -1).map(pointOf), side(placeOf(to), -1)] };
    }),
  };
}

function placeInRows(
  nodes: readonly string[],
  { top, width }: { readonly top: number; readonly width: number },
  places: Map<string, Point>,
): { readonly width: number; readonly height: number } {
  if (nodes.length === 0) return { width, height: top };
  const columns = Math.max(4, Math.floor(width / (NODE_WIDTH + MARGIN)));
  for (const [index, node] of nodes.entries()) {
    const x = MARGIN + NODE_WIDTH / 2 + (index % columns) * (NODE_WIDTH + MARGIN);
    const y = top + MARGIN + NODE_HEIGHT / 2 + Math.floor(index / columns) * (NODE_HEIGHT + 10);
    places.set(node, { x, y });
  }
  const used = Math.min(nodes.length, columns);
  const rows = Math.ceil(nodes.length / columns);
  return { width: MARGIN + used * (NODE_WIDTH + MARGIN), height: top + 2 * MARGIN + rows * (NODE_HEIGHT + 10) };
}

/** Returns the middle of a node's right side, or with -1 of its left one. */
function side({ x, y }: Point, direction: 1 | -1): Point {
  return { x: x + (direction * NODE_WIDTH) / 2, y };
}

function pointOf({ x, y }: { readonly x?: number; readonly y?: number }): Point {
  return { x: x ?? 0, y: y ?? 0 };
}
