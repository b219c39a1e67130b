interface Node<Value> {
  readonly children: Map<string, Node<Value>>;
  value: Value | undefined;
}

const newNode = <Value>(): Node<Value> => ({ children: new Map(), value: undefined });

/** Wildcards in the first level do not match topics that begin with `$`. [MQTT-4.7.2-1] */
const isHidden = (level: string, depth: number): boolean => depth === 0 && level.startsWith('$');

/** Values by topic, or by topic filter, found without a look at the others. */
export class TopicTree<Value> {
  private readonly root = newNode<Value>();

  get(path: string): Value | undefined {
    return this.walk(path.split('/'))?.at(-1)?.value;
  }

  set(path: string, value: Value): void {
    let node = this.root;
    for (const level of path.split('/')) {
      let child = node.children.get(level);
      if (!child) node.children.set(level, (child = newNode()));
      node = child;
    }
    node.value = value;
  }

  delete(path: string): void {
    const levels = path.split('/');
    const nodes = this.walk(levels);
    if (!nodes) return;
    nodes.at(-1)!.value = undefined;
    for (let i = levels.length - 1; i >= 0; i -= 1) {
      const node = nodes[i]!;
      if (node.value !== undefined || node.children.size > 0) return;
      (nodes[i - 1] ?? this.root).children.delete(levels[i]!);
    }
  }

  /** The values of the filters here that match `topic`. */
  matching(topic: string): Value[] {
    const found: Value[] = [];
    this.match(this.root, topic.split('/'), 0, found);
    return found;
  }

  /** The values of the topics here that `filter` matches. */
  matchedBy(filter: string): Value[] {
    const found: Value[] = [];
    this.select(this.root, filter.split('/'), 0, found);
    return found;
  }

  private walk(levels: readonly string[]): Node<Value>[] | undefined {
    const nodes: Node<Value>[] = [];
    for (const level of levels) {
      const node = (nodes.at(-1) ?? this.root).children.get(level);
      if (!node) return undefined;
      nodes.push(node);
    }
    return nodes;
  }

  private match(node: Node<Value>, levels: readonly string[], depth: number, found: Value[]): void {
    const level = levels[depth];
    const hidden = level !== undefined && isHidden(level, depth);
    // `a/#` also matches `a`. [MQTT-4.7.1-2]
    const rest = hidden ? undefined : node.children.get('#')?.value;
    if (rest !== undefined) found.push(rest);
    if (level === undefined) {
      if (node.value !== undefined) found.push(node.value);
      return;
    }
    for (const name of hidden ? [level] : [level, '+']) {
      const child = node.children.get(name);
      if (child) this.match(child, levels, depth + 1, found);
    }
  }

  private select(node: Node<Value>, levels: readonly string[], depth: number, found: Value[]): void {
    const level = levels[depth];
    if ((level === undefined || level === '#') && node.value !== undefined) found.push(node.value);
    if (level === undefined) return;
    if (level !== '#' && level !== '+') {
      const child = node.children.get(level);
      if (child) this.select(child, levels, depth + 1, found);
      return;
    }
    const next = level === '#' ? depth : depth + 1;
    for (const [name, child] of node.children) {
      if (isHidden(name, node === this.root ? 0 : 1)) continue;
      this.select(child, levels, next, found);
    }
  }
}
