// A model's modules, unfolded from the distinct subtrees that the page carries, with sums over what is in each.

const MEASURES = {
  params: { title: "Parameters", noun: "parameters", zero: 0n, text: exact, share, own: (row) => big(row.params) },
  macs: { title: "MACs", noun: "MACs", zero: 0n, text: exact, share, own: (row) => big(row.macs) },
  activations: { title: "Activations", noun: "of activations", zero: 0n, text: bytes, share, own: (row) => big(row.elements) },
  seconds: { title: "Time", noun: "estimated", zero: 0, text: (value) => estimated(value, "s"), share: fraction, own: (row) => row.seconds },
  joules: { title: "Energy", noun: "estimated", zero: 0, text: (value) => estimated(value, "J"), share: fraction, own: (row) => row.joules },
};

const KINDS = [
  ["attention", "Attention", /attention|attn|^MultiHead/i],
  ["embedding", "Embedding", /embed/i],
  ["normalization", "Normalization", /norm/i],
  ["convolution", "Convolution", /conv/i],
  ["product", "Linear, recurrent", /linear|dense|^(Lazy)?(LSTM|GRU|RNN)|bilinear|^Conv1D$/i],
  ["pooling", "Pooling, resizing", /pool|upsample|pixel|resize/i],
  ["activation", "Activation, dropout", /relu|gelu|silu|swish|sigmoid|tanh|elu|softmax|softplus|activation|drop|hard|mish/i],
];

const kindOf = (kind) => (KINDS.find(([, , pattern]) => pattern.test(kind)) || ["other"])[0];

function rowOf(layers, place) {
  if (place < 0) return null;
  return Object.fromEntries(layers.columns.map((name, at) => [name, layers.rows[place][at]]));
}

function added(one, other) {
  return one === null || other === null ? null : one + other;
}

function modulesOf(model) {
  const { layers } = model, rows = layers.rows.map((_, place) => rowOf(layers, place)), all = [];
  function unfolded(place, name, parent) {
    const [row, ...kids] = layers.nodes[place];
    const path = parent && parent.path ? `${parent.path}.${name}` : name;
    const module = { index: all.length, name, path, parent, depth: parent ? parent.depth + 1 : 0, row: rows[row] || null, kids: [] };
    all.push(module);
    for (let at = 0; at < kids.length; at += 2) module.kids.push(unfolded(kids[at + 1], text(kids[at]), module));
    module.last = all.length;
    module.own = ownOf(module, model);
    module.sum = module.kids.reduce((sum, kid) => sumOf(sum, kid.sum), module.own);
    return module;
  }
  return { root: unfolded(layers.root, "", null), all };
}

function ownOf(module, model) {
  const own = {};
  for (const [key, measure] of Object.entries(MEASURES)) own[key] = module.row ? measure.own(module.row) : measure.zero;
  own.activations = module.kids.length || own.activations === null ? 0n : own.activations * BigInt(model.itemsize);
  return own;
}

function sumOf(one, other) {
  const sum = {};
  for (const key of Object.keys(MEASURES)) sum[key] = added(one[key], other[key]);
  return sum;
}

const kindText = (module) => (module.row ? text(module.row.kind) : "");
const nameOf = (module) => module.path || "the model itself";
const owns = (module) => Boolean(module.own.params || module.own.macs !== 0n || (module.row && module.row.other));
