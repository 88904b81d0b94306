"""Trains an ALBERT student on a GPU (or, for a rehearsal, on the CPU) from the folder that pack.py makes, for a given time.

    python3 distil.py --folder PACK --out FOLDER --seconds 560 [--start model.safetensors]

Objectives, all in every checkpoint: the teachers' sentence vectors (mean of the student's tokens, and what its pooler makes of [CLS]), the teachers' similarities within a
batch, the states of their tokens (English: MiniLM's, Chinese: e5's; a token of the student learns the mean of those that it overlaps), halves of paragraphs found among those of the same and of other documents, paragraphs found by one of their sentences, translations, STS-B's scores, masked tokens and
sentence order. --start goes on from a model: the targets are turned so that its vectors fit them best (a rotation, which changes no cosine).
Files of the folder may arrive while it prepares; OUT/settings.json ({"seconds": .., "nce": .., "tokens": ..}) is read again every 50 steps.
Writes model.safetensors (f16, names as transformers has them), log.jsonl, targets.npz (how teachers' vectors became targets).
"""
import argparse, json, lzma, math, multiprocessing, os, random, re, sys, time
os.environ['TOKENIZERS_PARALLELISM'] = 'false'  # the worker processes are the parallelism
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from tokenizers import Tokenizer
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from teachers import e5_tokenizer, load_packed

START = time.time()
BUCKETS = (16, 32, 64, 128, 256)
CLS, SEP, MASK = 2, 3, 4
FIRST_PIECE = 5
TOKEN_LENGTH, TEACHER_LENGTH, EVERY = 64, 96, 4  # texts whose tokens' states are learned: so long at most, one in so many

def arrived(path):
    while not os.path.exists(path): time.sleep(0.1)
    return path

def say(*a): print(f'{time.time() - START:7.1f}', *a, flush=True)

# ---------------------------------------------------------------------- texts to units
EN_END = re.compile(r'(?<=[.!?])(["\'”’)\]]*)\s+(?=["\'“‘(\[]*[A-Z0-9])')
ZH_END = re.compile(r'([。！？!?；…]+[”’」』）)]*)')
ZH_CLAUSE = re.compile(r'[，、：；。！？…“”《》（）\s]+')

def sentences(text, lang):
    if lang == 'en':
        return [s.strip() for s in EN_END.sub(lambda m: m.group(1) + '\n', text).split('\n') if s.strip()]
    parts = ZH_END.split(text)
    joined = [a + b for a, b in zip(parts[::2], parts[1::2] + [''])]
    return [s.strip() for s in joined if s.strip()]

def units_of(paragraph, lang, rng, emoji):
    """Texts to learn from, halves of the paragraph, and one of its sentences with the others."""
    found, out, halves, cloze = sentences(paragraph, lang), [], None, None
    lo, hi = (12, 400) if lang == 'en' else (4, 160)
    for s in found:
        if not lo <= len(s) <= hi: continue
        if rng.random() < 0.75: out.append(s if rng.random() > 0.01 else s + ' ' + rng.choice(emoji))
        if rng.random() < 0.4:
            if lang == 'en':
                w = s.split(); n = rng.randint(2, 9); i = rng.randrange(max(1, len(w) - n + 1)); f = ' '.join(w[i:i + n])
            else:
                c = [x for x in ZH_CLAUSE.split(s) if 2 <= len(x) <= 24]
                f = rng.choice(c) if c else ''
            if f: out.append(f)
    joiner = ' ' if lang == 'en' else ''
    limit = 1000 if lang == 'en' else 360
    if len(found) >= 3:
        if rng.random() < 0.4:
            n = rng.randint(2, 4); i = rng.randrange(max(1, len(found) - n + 1)); out.append(joiner.join(found[i:i + n])[:limit])
        if rng.random() < 0.25: out.append(joiner.join(found)[:limit])
    if len(found) >= 4 and len(paragraph) >= (200 if lang == 'en' else 80):
        h = len(found) // 2; halves = (joiner.join(found[:h])[:limit], joiner.join(found[h:2 * h + 1])[:limit])
        k = rng.randrange(len(found))
        if lo <= len(found[k]) <= hi and rng.random() < 0.4: cloze = (found[k], joiner.join(found[:k] + found[k + 1:])[:limit])
    return found, out, halves, cloze

TOK = {}
def start_worker(folder, with_mini):
    TOK['student'] = Tokenizer.from_file(folder + '/tokenizer.json'); TOK['student'].no_truncation(); TOK['student'].no_padding()
    z = np.load(folder + '/e5-tokenizer.npz', allow_pickle=False)
    TOK['norm'] = json.loads(str(z['norm'])); TOK['norm'] = {int(k): v for k, v in TOK['norm'].items()}
    TOK['e5'] = e5_tokenizer(z['pieces'].tolist(), z['scores'])
    TOK['mini'] = None
    if with_mini:
        TOK['mini'] = Tokenizer.from_file(folder + '/minilm-tokenizer.json'); TOK['mini'].no_truncation(); TOK['mini'].no_padding()
    TOK['emoji'] = [c for c in TOK['student'].get_vocab() if len(c) == 1 and ord(c) >= 0x1f300]

def flat(rows, dtype=np.int32):
    n = np.fromiter(map(len, rows), np.int32, len(rows))
    return np.fromiter((i for r in rows for i in r), dtype, int(n.sum())), n

def overlaps(own, others):
    """Two numbers for each of the student's tokens: the first of the teacher's tokens that it overlaps, and how many."""
    out, j = [], 0
    for s, e in own:
        if e <= s: out += (0, 0); continue
        while j < len(others) and others[j][1] <= s: j += 1
        k = j
        while k < len(others) and others[k][0] < e and others[k][1] > others[k][0]: k += 1
        out += (j, k - j) if k > j else (0, 0)
    return out

def encode(texts, langs, every=0):
    """Ids of the student and of both teachers; of one text in `every` also which tokens overlap."""
    student = TOK['student'].encode_batch(texts); st = [e.ids[:256] for e in student]
    for r in st:
        if r[-1] != SEP: r[-1] = SEP
    plain = [('query: ' + t).translate(TOK['norm']) for t in texts]; e5s = TOK['e5'].encode_batch(plain); e5 = [e.ids[:256] for e in e5s]
    minis = [None] * len(texts)
    if TOK['mini']:
        keep = [i for i, l in enumerate(langs) if l == 'en']
        for i, e in zip(keep, TOK['mini'].encode_batch([texts[i] for i in keep])): minis[i] = e
    al = [[] for _ in texts]
    for i in range(0, len(texts), every) if every else ():
        if len(st[i]) > TOKEN_LENGTH: continue
        if minis[i]: al[i] = overlaps(student[i].offsets, minis[i].offsets)
        # Only where normalising moved nothing; 7 characters are those of the prompt.
        elif langs[i] == 'zh' and len(plain[i]) == len(texts[i]) + 7: al[i] = overlaps(student[i].offsets, [(a - 7, b - 7) for a, b in e5s[i].offsets])
    return flat(st), flat(e5), flat([e.ids[:256] if e else [] for e in minis]), flat(al, np.uint8)

def mlm_rows(docs, rng, length=128):
    """[CLS] A [SEP] B [SEP], A and B consecutive and swapped in half of the rows, as ALBERT has them; rows: ids, where B begins, swapped."""
    rows, bounds, swapped = [], [], []
    for doc in docs:
        sents = [e.ids[1:-1] for e in TOK['student'].encode_batch(doc)]
        i, room = 0, length - 3
        while i < len(sents):
            chunk, n = [], 0
            while i < len(sents) and (n < room): chunk.append(sents[i]); n += len(sents[i]); i += 1
            if len(chunk) < 2:
                if not chunk or len(chunk[0]) < 8: continue
                s = chunk[0][:room]; h = len(s) // 2; a, b = s[:h], s[h:]
            else:
                k = rng.randint(1, len(chunk) - 1)
                a = [t for s in chunk[:k] for t in s]; b = [t for s in chunk[k:] for t in s]
                while len(a) + len(b) > room: (a if len(a) > len(b) else b).pop()
            if len(a) + len(b) < 24: continue
            sw = rng.random() < 0.5
            if sw: a, b = b, a
            row = [CLS, *a, SEP, *b, SEP]
            rows.append(row + [0] * (length - len(row))); bounds.append((len(a) + 2, len(row))); swapped.append(sw)
    return np.array(rows, np.int16).reshape(-1, length), np.array(bounds, np.int16).reshape(-1, 2), np.array(swapped, bool)

def build(job):
    seed, docs = job
    rng = random.Random(seed); texts, langs, pairs, sent_docs = [], [], [], []
    for doc, (lang, paragraphs) in enumerate(docs):
        all_sents = []
        for p in paragraphs:
            found, out, halves, cloze = units_of(p, lang, rng, TOK['emoji'])
            all_sents += found; texts += out; langs += [lang] * len(out)
            for kind, pair in enumerate((halves if rng.random() < 0.85 else None, cloze)):
                if pair: pairs.append((len(texts), len(texts) + 1, seed * 100000 + doc, kind)); texts += pair; langs += [lang] * 2
        sent_docs.append(all_sents)
    *ids, al = encode(texts, langs, EVERY)
    return (*ids, np.array([l == 'zh' for l in langs]), np.array(pairs, np.int64).reshape(-1, 4), *mlm_rows(sent_docs, rng), al)

def encode_job(job): return encode(*job)

def read_docs(folder, share):
    docs, cur, lang = [], [], None
    with lzma.open(folder + '/corpus.txt.xz', 'rt', encoding='utf8') as f:
        for line in f:
            line = line.rstrip('\n')
            if not line:
                if cur: docs.append((lang, cur)); cur = []
            else: lang, text = line[:2], line[3:]; cur.append(text)
    if cur: docs.append((lang, cur))
    random.Random(0).shuffle(docs)
    return docs[:max(1, int(len(docs) * share))]

def word_units(folder, rng, scale):
    w = json.load(open(folder + '/words.json')); en, zh = w['en'], w['zh']
    t = [(x, 'en') for x in en] + [(x, 'zh') for x in zh]
    for _ in range(int(140000 * scale)): t.append((' '.join(rng.choice(en) for _ in range(rng.randint(2, 5))), 'en'))
    for _ in range(int(120000 * scale)): t.append((rng.choice(['', ' ', '，']).join(rng.choice(zh) for _ in range(rng.randint(2, 4))), 'zh'))
    rng.shuffle(t); t = t[:int(len(t) * min(1, scale * 2))] if scale < 0.5 else t
    return t

# ---------------------------------------------------------------------- the student
class Student(nn.Module):
    def __init__(s, V, E, H, FF, heads, depth, positions=256):
        super().__init__(); s.depth, s.heads = depth, heads
        L = lambda i, o: nn.Linear(i, o); N = lambda d: nn.LayerNorm(d, 1e-12)
        s.word, s.pos, s.seg, s.eln = nn.Embedding(V, E), nn.Embedding(positions, E), nn.Embedding(2, E), N(E)
        s.up = L(E, H)
        s.q, s.k, s.v, s.o, s.aln, s.ffn, s.out, s.fln = L(H, H), L(H, H), L(H, H), L(H, H), N(H), L(H, FF), L(FF, H), N(H)
        s.pooler = L(H, H); s.pdense, s.pln, s.pbias = L(H, E), N(E), nn.Parameter(torch.zeros(V)); s.sop = L(H, 2)
        s.from_pooler, s.from_tokens = L(H, H), nn.ModuleList([L(H, H), L(H, H)])  # for the training only
        for m in s.modules():
            if isinstance(m, (nn.Linear, nn.Embedding)): nn.init.trunc_normal_(m.weight, std=0.02)
            if isinstance(m, nn.Linear): nn.init.zeros_(m.bias)
    def layer(s, x, mask):
        B, T, H = x.shape
        h = lambda y: y.view(B, T, s.heads, H // s.heads).transpose(1, 2)
        a = F.scaled_dot_product_attention(h(s.q(x)), h(s.k(x)), h(s.v(x)), attn_mask=mask).transpose(1, 2).reshape(B, T, H)
        x = s.aln(x + s.o(a))
        return s.fln(x + s.out(F.gelu(s.ffn(x), approximate='tanh')))
    def hidden(s, ids, mask, segments=None):
        seg = s.seg.weight[0] if segments is None else s.seg(segments)
        x = s.up(s.eln(s.word(ids) + s.pos.weight[:ids.shape[1]] + seg))
        m = mask[:, None, None, :]
        for _ in range(s.depth): x = s.layer(x, m)
        return x
    def vectors(s, ids):
        mask = ids > 0; x = s.hidden(ids, mask); w = mask[..., None].to(x.dtype)
        mean = ((x * w).sum(1).float() / w.sum(1).float())
        return F.normalize(mean, dim=-1), F.normalize(s.from_pooler(torch.tanh(s.pooler(x[:, 0]))).float(), dim=-1)
    def named(s):
        """Parameters by the names that transformers has for them."""
        g = 'albert.encoder.albert_layer_groups.0.albert_layers.0.'
        names = {'word': 'albert.embeddings.word_embeddings', 'pos': 'albert.embeddings.position_embeddings', 'seg': 'albert.embeddings.token_type_embeddings', 'eln': 'albert.embeddings.LayerNorm',
                 'up': 'albert.encoder.embedding_hidden_mapping_in', 'q': g + 'attention.query', 'k': g + 'attention.key', 'v': g + 'attention.value', 'o': g + 'attention.dense', 'aln': g + 'attention.LayerNorm',
                 'ffn': g + 'ffn', 'out': g + 'ffn_output', 'fln': g + 'full_layer_layer_norm', 'pooler': 'albert.pooler', 'pdense': 'predictions.dense', 'pln': 'predictions.LayerNorm', 'sop': 'sop_classifier.classifier'}
        out = {'predictions.bias': s.pbias}
        for n, p in s.named_parameters():
            head, _, leaf = n.partition('.')
            if head in names: out[names[head] + '.' + leaf] = p
        return out
    def state(s): return {k: v.detach().half().cpu().contiguous() for k, v in s.named().items()}
    @torch.no_grad()
    def start_from(s, path):
        from safetensors.torch import load_file
        there = load_file(path)
        for k, v in s.named().items(): v.copy_(there[k].reshape(v.shape))

def pca(x, k):
    """Mean-free rows: the k directions of most variance. [dims, k]"""
    c = (x.T @ x).double() / len(x); val, vec = torch.linalg.eigh(c)
    return vec[:, -k:].flip(1).float(), val.flip(0).float()

# ---------------------------------------------------------------------- teachers' vectors to targets
@torch.no_grad()
def teach(model, ids, lens, device, budget):
    """Vectors [rows, dims] (f16) of flat ids; rows without ids stay zero."""
    offs = np.concatenate([[0], np.cumsum(lens)]); order = np.argsort(lens, kind='stable'); order = order[lens[order] > 0]
    flat_ids = torch.from_numpy(ids).to(device); offs_t = torch.from_numpy(offs[:-1]).to(device); lens_t = torch.from_numpy(lens).to(device)
    out = torch.zeros(len(lens), model.H, dtype=torch.float16, device=device); i = 0
    while i < len(order):
        n = 1; step = 64
        while i + n < len(order) and int(lens[order[min(i + n + step, len(order)) - 1]]) * (n + step) <= budget: n += step
        n = min(n, len(order) - i)
        sel = torch.from_numpy(order[i:i + n]).to(device); T = int(lens[order[i + n - 1]]); T = (T + 7) // 8 * 8
        p = torch.arange(T, device=device)[None]; m = p < lens_t[sel][:, None]
        a = flat_ids[(offs_t[sel][:, None] + p).clamp(max=len(ids) - 1)].long() * m
        out[sel] = model(a, m).half(); i += n
    return out

def centre(x, zh):
    """Each language around its own mean, so that language is no direction of the space; unit length."""
    out = torch.empty_like(x, dtype=torch.float32); means = []
    for flag in (False, True):
        s = zh == flag
        if not s.any(): means.append(torch.zeros(x.shape[1], device=x.device)); continue
        means.append(x[s].float().mean(0)); out[s] = F.normalize(x[s].float() - means[-1], dim=-1)
    return out, torch.stack(means)

def targets_of(e, m, zh, dims, weight, power):
    """Teachers' vectors side by side, on their main directions. Chinese rows get the English teacher's part by a linear map from the other teacher."""
    e, means = centre(e, zh); parts = [e]; facts = {'e5_means': means}
    if m is not None:
        en = ~zh; mm = m[en].float(); mean = mm.mean(0); mm = F.normalize(mm - mean, dim=-1)
        x = e[en]; a = x.T @ x + 0.01 * len(x) * torch.eye(x.shape[1], device=x.device) / x.shape[1]
        w = torch.linalg.solve(a, x.T @ mm); full = torch.empty(len(e), mm.shape[1], device=e.device)
        full[en] = mm; full[zh] = F.normalize(e[zh] @ w, dim=-1)
        parts.append(weight * full); facts |= {'mini_mean': mean, 'map': w}
    x = torch.cat(parts, 1); sample = x[torch.randperm(len(x), device=x.device)[:400000]]; mu = sample.mean(0)
    vec, val = pca(sample - mu, dims)
    proj = vec * (val[:dims] / val[0]).clamp_min(1e-6).pow(-power / 2)
    facts |= {'mean': mu, 'proj': proj, 'variance': val}
    out = torch.empty(len(x), dims, dtype=torch.float16, device=x.device)
    for i in range(0, len(x), 262144): out[i:i + 262144] = F.normalize((x[i:i + 262144] - mu) @ proj, dim=-1).half()
    return out, facts

def padded(ids, lens, T, sel):
    offs = np.concatenate([[0], np.cumsum(lens)])[:-1]; a = np.zeros((len(sel), T), np.int16)
    p = np.arange(T)[None]; ok = p < lens[sel][:, None]
    a[ok] = ids[(offs[sel][:, None] + p)[ok]]
    return a

def spearman(a, b):
    r = lambda x: np.argsort(np.argsort(x, kind='stable'), kind='stable').astype(np.float64)
    from scipy.stats import rankdata
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])

# ---------------------------------------------------------------------- main
def main():
    ap = argparse.ArgumentParser(); ap.add_argument('--folder', required=True); ap.add_argument('--out', required=True); ap.add_argument('--seconds', type=float, default=560)
    ap.add_argument('--share', type=float, default=1); ap.add_argument('--tokens', type=int, default=131072); ap.add_argument('--mlm-rows', type=int, default=384); ap.add_argument('--no-mini', action='store_true')
    ap.add_argument('--lr', type=float, default=1.2e-3); ap.add_argument('--depth', type=int, default=6); ap.add_argument('--hidden', type=int, default=384); ap.add_argument('--heads', type=int, default=6)
    ap.add_argument('--embedding', type=int, default=128); ap.add_argument('--workers', type=int, default=os.cpu_count()); ap.add_argument('--no-compile', action='store_true'); ap.add_argument('--targets-only', action='store_true')
    ap.add_argument('--start', default=''); ap.add_argument('--nce', type=float, default=0.5); ap.add_argument('--token-weight', type=float, default=0.5, help='of the states of tokens; 0: none')
    ap.add_argument('--mini-weight', type=float, default=0.6); ap.add_argument('--power', type=float, default=0.0); ap.add_argument('--rehearse', type=int, default=0, help='rows of each fixed set and of words')
    o = ap.parse_args(); os.makedirs(o.out, exist_ok=True)
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu'); cuda = device.type == 'cuda'
    if cuda: torch.backends.cuda.matmul.allow_tf32 = True; torch.backends.cudnn.allow_tf32 = True; say(torch.cuda.get_device_name())
    rng = random.Random(1); torch.manual_seed(1)
    log = open(o.out + '/log.jsonl', 'w')

    docs = read_docs(o.folder, o.share); say('documents', len(docs))
    kept = max(2, min(400, len(docs) // 50)); unseen, docs = docs[:kept], docs[kept:]
    n = 400 if o.share == 1 else o.workers; jobs = [(i, docs[i::n]) for i in range(n)]
    for name in ('tokenizer.json', 'e5-tokenizer.npz', 'minilm-tokenizer.json', 'fixed.json', 'words.json'): arrived(f'{o.folder}/{name}')
    extra = word_units(o.folder, rng, o.share if o.share < 1 else 1.0)
    fixed = json.load(open(o.folder + '/fixed.json'))  # STS-B train and dev, translations
    if o.rehearse:
        extra = extra[:o.rehearse]
        for v in fixed.values(): v['texts'] = [t[:o.rehearse] for t in v['texts']]; v.update({'scores': v['scores'][:o.rehearse]} if 'scores' in v else {})
    fixed_texts = []
    def put(texts, lang): fixed_texts.extend((t, lang) for t in texts); return np.arange(len(fixed_texts) - len(texts), len(fixed_texts))
    spans = {k: [put(side, l) for side, l in zip(v['texts'], v['langs'])] for k, v in fixed.items()}
    ejobs = [([t for t, _ in c], [l for _, l in c]) for c in [extra[i:i + 4000] for i in range(0, len(extra), 4000)] + [fixed_texts[i:i + 4000] for i in range(0, len(fixed_texts), 4000)]]
    with multiprocessing.get_context('fork').Pool(o.workers, start_worker, (o.folder, not o.no_mini)) as pool:
        later = pool.map_async(encode_job, ejobs); parts = pool.map(build, jobs, chunksize=1); more = later.get()
    say('units built')
    base, pairs = 0, []
    for p in parts: pairs.append(p[4] + np.array([base, base, 0, 0])); base += len(p[3])
    cat = lambda k: (np.concatenate([p[k][0] for p in parts] + [p[k][0] for p in more]), np.concatenate([p[k][1] for p in parts] + [p[k][1] for p in more]))
    st, e5i, mini = cat(0), cat(1), cat(2); pairs = np.concatenate(pairs)
    al = (np.concatenate([p[8][0] for p in parts] + [p[3][0] for p in more]), np.concatenate([p[8][1] for p in parts] + [p[3][1] for p in more]))
    zh = np.concatenate([p[3] for p in parts] + [np.array([l == 'zh' for _, l in extra + fixed_texts])])
    first_fixed = len(zh) - len(fixed_texts)
    mlm, bounds, swapped = (np.concatenate([p[k] for p in parts]) for k in (5, 6, 7)); del parts, more, docs
    say(f'{len(zh)} units ({zh.mean():.2f} zh), {st[1].sum()/1e6:.1f} M student tokens, {e5i[1].sum()/1e6:.1f} M of the teacher, {len(pairs)} pairs, {len(mlm)} rows for masking')

    half = torch.float16 if cuda else torch.float32; zt = torch.from_numpy(zh).to(device)
    teacher = load_packed(arrived(o.folder + '/e5.npz')).to(device, half).eval()
    rows = teacher.word.weight.detach().float().clone()
    E = teach(teacher, e5i[0], e5i[1], device, 262144 if cuda else 8192)
    M, teachers = None, {True: teacher}  # by whether a text is Chinese
    if not o.no_mini:
        teachers[False] = load_packed(arrived(o.folder + '/minilm.npz')).to(device, half).eval(); M = teach(teachers[False], mini[0], mini[1], device, 262144 if cuda else 8192)
    say('teachers done')
    def report(vec, name):
        out = {}
        for lang in ('en', 'zh'):
            d = fixed[f'stsb-dev-{lang}']; a, b = (torch.as_tensor(s + first_fixed, device=device) for s in spans[f'stsb-dev-{lang}'])
            out[f'stsb-dev-{lang}'] = round(spearman((vec(a) * vec(b)).sum(1).float().cpu().numpy(), d['scores']), 4)
        a, b = (torch.as_tensor(s + first_fixed, device=device) for s in spans['translations-dev']); sim = vec(a).float() @ vec(b).float().T
        out['translation'] = round((sim.argmax(1) == torch.arange(len(a), device=device)).float().mean().item(), 4)
        out['unrelated'] = round((sim.sum() - sim.diag().sum()).item() / (len(a) ** 2 - len(a)), 3); say(name, out); return out
    if o.targets_only:
        for w in (0.0, 0.4, 0.6, 0.8):
            for power in (0, 0.25, 0.5):
                T, _ = targets_of(E, M if w else None, zt, o.hidden, w, power); report(lambda i: T[i].float(), f'targets weight {w} power {power}')
        return
    T, facts = targets_of(E, M, zt, o.hidden, o.mini_weight, o.power); del E, M
    np.savez(o.out + '/targets.npz', **{k: v.cpu().numpy().astype(np.float16) for k, v in facts.items() if k != 'proj'}); report(lambda i: T[i].float(), 'targets')

    # The student, its word embeddings from the teacher's.
    tok = Tokenizer.from_file(o.folder + '/tokenizer.json'); V = tok.get_vocab_size()
    net = Student(V, o.embedding, o.hidden, 4 * o.hidden, o.heads, o.depth)
    start_worker(o.folder, False); vocab = sorted(tok.get_vocab().items(), key=lambda x: x[1])
    enc = TOK['e5'].encode_batch([p.replace('▁', ' ').strip() or '.' for p, _ in vocab], add_special_tokens=False)
    init = torch.stack([rows[e.ids].mean(0) if e.ids else rows[5] for e in enc]); init = init - init[FIRST_PIECE:].mean(0)
    vec, _ = pca(init[FIRST_PIECE:], o.embedding); init = init @ vec; init = init / init[FIRST_PIECE:].std() * 0.05
    with torch.no_grad(): net.word.weight[FIRST_PIECE:] = init[FIRST_PIECE:].cpu()
    if o.start: net.start_from(o.start)
    net.to(device); del rows
    say('student', sum(p.numel() for p in net.parameters()), 'parameters')

    D = lambda a: torch.from_numpy(a).to(device)
    lens = st[1]; buckets, lo = [], 0; trainable = np.arange(len(lens)) < first_fixed
    for b in BUCKETS:
        sel = np.where((lens > lo) & (lens <= b) & trainable)[0]; lo = b
        if len(sel): buckets.append((b, D(padded(*st, b, sel)), D(sel)))
    def padded_cut(st, idx, T=64):
        offs = np.concatenate([[0], np.cumsum(st[1])])[:-1]; p = np.arange(T)[None]; n = st[1][idx][:, None]; ok = p < n
        a = np.zeros((len(idx), T), np.int16); a[ok] = st[0][(offs[idx][:, None] + p)[ok]]
        a[:, -1][n[:, 0] > T] = SEP
        return a
    pairs = pairs[(lens[pairs[:, 0]] >= 8) & (lens[pairs[:, 1]] >= 8)]; pairs = pairs[np.argsort(pairs[:, 2], kind='stable')]  # those of a document side by side
    pair_sets = [(*(D(padded_cut(st, q[:, k], 128)) for k in (0, 1)), *(D(q[:, k]) for k in (0, 1))) for q in (pairs[pairs[:, 3] == kind] for kind in (0, 1))]
    def token_set(flag):
        teacher_ids = e5i if flag else mini
        i = np.where((al[1] > 0) & (zh == flag) & (teacher_ids[1] <= TEACHER_LENGTH) & trainable)[0]; i = np.random.RandomState(2).permutation(i)[:300000]
        a = padded(al[0], al[1], 2 * TOKEN_LENGTH, i).reshape(len(i), TOKEN_LENGTH, 2); t = np.full((len(i), TEACHER_LENGTH), -1, np.int32)
        offs = np.concatenate([[0], np.cumsum(teacher_ids[1])])[:-1]; p = np.arange(TEACHER_LENGTH)[None]; ok = p < teacher_ids[1][i][:, None]; t[ok] = teacher_ids[0][(offs[i][:, None] + p)[ok]]
        return D(padded(*st, TOKEN_LENGTH, i)), D(t), D(a[..., 0].astype(np.int16)), D(a[..., 1].astype(np.int16))
    token_sets = {flag: token_set(flag) for flag in teachers} if o.token_weight else {}
    token_sets = {flag: s for flag, s in token_sets.items() if len(s[0])}; say('texts with token states', {('en', 'zh')[flag]: len(s[0]) for flag, s in token_sets.items()})
    fx = {k: [D(padded_cut(st, s + first_fixed)) for s in v] for k, v in spans.items()}; fxt = {k: [D(s + first_fixed) for s in v] for k, v in spans.items()}
    scores = {k: torch.tensor(v['scores'], device=device) for k, v in fixed.items() if 'scores' in v}
    mlm_t, bounds_t, swapped_t = D(mlm), D(bounds), D(swapped)
    weights = np.array([len(b[2]) for b in buckets], float); weights /= weights.sum()
    say('buckets', {b[0]: len(b[2]) for b in buckets}, 'pairs', [len(q[0]) for q in pair_sets])

    decay = [p for n, p in net.named_parameters() if p.ndim > 1]; rest = [p for n, p in net.named_parameters() if p.ndim <= 1]
    opt = torch.optim.AdamW([{'params': decay, 'weight_decay': 0.01}, {'params': rest, 'weight_decay': 0}], lr=o.lr, betas=(0.9, 0.98), eps=1e-6, **({'fused': True} if cuda else {}))
    plain = net.layer
    if cuda and not o.no_compile:
        torch._dynamo.config.cache_size_limit = 64; net.layer = torch.compile(plain, dynamic=False)
    fast = net.layer
    amp = lambda: torch.autocast('cuda', torch.bfloat16, enabled=cuda)

    def distil(v, p, t, n=2048):
        cos = (1 - (v * t).sum(1)).mean() + 0.3 * (1 - (p * t).sum(1)).mean()
        a, b = v[:n], t[:n]; eye = torch.eye(len(a), device=device, dtype=torch.bool)
        ls = F.log_softmax((a @ a.T / 0.05).masked_fill(eye, -1e4), 1); lt = F.log_softmax((b @ b.T / 0.05).masked_fill(eye, -1e4), 1)
        kl = (lt.exp() * (lt - ls)).masked_fill(eye, 0).sum(1).mean()
        return cos, kl
    def unit_loss():
        b, ids, sel = buckets[np.random.choice(len(buckets), p=weights)]
        i = torch.randint(len(sel), (max(2, o.tokens // b),), device=device)
        with amp(): v, p = net.vectors(ids[i].long())
        cos, kl = distil(v, p, T[sel[i]].float()); return cos + 0.5 * kl, {'cos': cos, 'kl': kl}
    def found(v, w, t=0.05):
        s = v @ w.T / t; y = torch.arange(len(v), device=device); return (F.cross_entropy(s, y) + F.cross_entropy(s.T, y)) / 2
    def two(a, b):
        with amp(): v, p = net.vectors(torch.cat([a, b]).long())
        return v, p, len(a)
    def pair_loss(kind):
        """Eight neighbouring pairs at a time: the hard candidates are those of the same document."""
        a, b, ta, tb = pair_sets[kind]; n = max(1, o.tokens // 128 // 8)
        i = (torch.randint(max(1, len(a) - 8), (n, 1), device=device) + torch.arange(min(8, len(a)), device=device)).flatten()
        v, p, k = two(a[i], b[i]); t = torch.cat([T[ta[i]], T[tb[i]]]).float()
        cos, kl = distil(v, p, t); nce = found(v[:k], v[k:]); return 0.5 * cos + 0.1 * kl + settings['nce'] * nce, {('halves', 'cloze')[kind]: nce}
    def translation_loss():
        key = random.choice(('translations', 'stsb-parallel')); i = torch.randint(len(fx[key][0]), (max(2, o.tokens // 128),), device=device)
        v, p, k = two(fx[key][0][i], fx[key][1][i]); t = torch.cat([T[fxt[key][0][i]], T[fxt[key][1][i]]]).float()
        cos, kl = distil(v, p, t); nce = found(v[:k], v[k:]); return cos + 0.5 * kl + 0.1 * nce, {'translation': nce}
    def score_loss():
        a, b = random.choice((('en', 'en'), ('zh', 'zh'), ('en', 'zh'))); i = torch.randint(len(fx['stsb-train-en'][0]), (max(2, o.tokens // 128),), device=device)
        v, p, k = two(fx['stsb-train-' + a][0][i], fx['stsb-train-' + b][1][i]); y = scores['stsb-train-en'][i]
        t = torch.cat([T[fxt['stsb-train-' + a][0][i]], T[fxt['stsb-train-' + b][1][i]]]).float(); cos, kl = distil(v, p, t)
        c = (v[:k] * v[k:]).sum(1) * 20; d = (c[:, None] - c[None])[y[:, None] < y[None]]
        cosent = torch.logsumexp(torch.cat([torch.zeros(1, device=device), d]), 0) / 10; return cos + 0.5 * kl + 0.3 * cosent, {'cosent': cosent}
    def mask_loss(rows_):
        i = torch.randint(len(mlm_t), (rows_,), device=device); ids = mlm_t[i].long(); bd = bounds_t[i].long(); p = torch.arange(ids.shape[1], device=device)[None]
        seg = ((p >= bd[:, :1]) & (p < bd[:, 1:])).long(); r = torch.rand(ids.shape, device=device).masked_fill(ids < FIRST_PIECE, -1)
        r = r + 0.7 * F.pad(r, (1, 0))[:, :-1].clamp_min(0)  # neighbours of chosen ones are likelier: spans
        k = int(ids.shape[1] * 0.18); pos = r.masked_fill(ids < FIRST_PIECE, -1).topk(k, 1).indices; gold = ids.gather(1, pos); ok = gold >= FIRST_PIECE
        u = torch.rand(pos.shape, device=device); new = torch.where(u < 0.8, MASK, torch.where(u < 0.9, torch.randint(FIRST_PIECE, V, pos.shape, device=device), gold))
        inp = ids.scatter(1, pos, torch.where(ok, new, gold))
        with amp():
            x = net.hidden(inp, ids > 0, seg); h = x.gather(1, pos[..., None].expand(-1, -1, x.shape[-1]))
            h = net.pln(F.gelu(net.pdense(h), approximate='tanh')); logits = h @ net.word.weight.T + net.pbias
            sop = net.sop(torch.tanh(net.pooler(x[:, 0])))
        loss = F.cross_entropy(logits.float().flatten(0, 1), gold.masked_fill(~ok, -100).flatten(), ignore_index=-100)
        order = F.cross_entropy(sop.float(), swapped_t[i].long()); return loss + 0.2 * order, {'mlm': loss, 'order': order}

    @torch.no_grad()
    def states_of(flag, i):
        """Means of the teacher's states over each of the student's tokens, and which tokens have one."""
        _, t, start, count = (x[i] for x in token_sets[flag]); x = teachers[flag].states(t.clamp(min=0).long(), t >= 0).float()
        c = F.pad(x.cumsum(1), (0, 0, 1, 0)); at = lambda k: c.gather(1, k.clamp(max=TEACHER_LENGTH)[..., None].expand(-1, -1, c.shape[-1]))
        start, count = start.long(), count.long(); return (at(start + count) - at(start)) / count.clamp(min=1)[..., None], count > 0
    token_means = {}
    for flag, s_ in token_sets.items():
        y, ok = states_of(flag, torch.arange(min(2048 if cuda else 64, len(s_[0])), device=device)); token_means[flag] = y[ok].mean(0)
    def token_loss(flag):
        s_ = token_sets[flag]; i = torch.randint(len(s_[0]), (max(2, o.tokens // 8 // TOKEN_LENGTH),), device=device)
        y, ok = states_of(flag, i); ids = s_[0][i].long()
        with amp(): made = net.from_tokens[int(flag)](net.hidden(ids, ids > 0)).float()
        loss = (1 - F.cosine_similarity(made[ok], y[ok] - token_means[flag])).mean(); return loss, {('token-en', 'token-zh')[flag]: loss}

    def save(name):
        from safetensors.torch import save_file
        save_file(net.state(), f'{o.out}/{name}.safetensors', {'format': 'pt'})
    @torch.no_grad()
    def judge():
        net.layer = plain  # its batches have many shapes
        def vec(idx):
            out = []
            for k in range(0, len(idx), 2048):
                ids = full[idx[k:k + 2048] - first_fixed].long()
                with amp(): out.append(net.vectors(ids)[0].float())
            return torch.cat(out)
        extra = {}
        for l, (a, b) in unseen_ids.items():
            with amp(): v, w = (torch.cat([net.vectors(x[k:k + 512].long())[0].float() for k in range(0, len(x), 512)]) for x in (a, b))
            extra['halves-' + l] = round(((v @ w.T).argmax(1) == torch.arange(len(v), device=device)).float().mean().item(), 4)
        result = report(vec, 'student'); net.layer = fast; say(extra)
        return {**result, **extra}
    unseen_ids = {}
    for l in ('en', 'zh'):
        rng2 = random.Random(5); found_ = [h for lang, ps in unseen if lang == l for h in [u[2] for u in (units_of(p, l, rng2, ['x']) for p in ps) if u[2]][:8]][:500]
        if found_: unseen_ids[l] = [D(padded_cut(flat([e.ids[:256] for e in TOK['student'].encode_batch([h[k] for h in found_])]), np.arange(len(found_)), 256)) for k in (0, 1)]
    say('unseen halves', {l: len(v[0]) for l, v in unseen_ids.items()})
    full = D(padded_cut(st, np.arange(first_fixed, len(lens))))

    if o.start:  # targets turned towards what the model already makes
        with torch.no_grad():
            net.layer = plain; made, want = [], []
            for b, ids, sel in buckets[:3]:
                for k in range(0, min(len(sel), 40960), 4096):
                    with amp(): made.append(net.vectors(ids[k:k + 4096].long())[0].float())
                    want.append(T[sel[k:k + 4096]].float())
            made, want = torch.cat(made), torch.cat(want); u, _, w = torch.linalg.svd((want.T @ made).double()); turn = (u @ w).float()
            say('cosine to targets as they were', (made * want).sum(1).mean().item(), 'turned', (made * (want @ turn)).sum(1).mean().item())
            for k in range(0, len(T), 262144): T[k:k + 262144] = (T[k:k + 262144].float() @ turn).half()
            net.layer = fast
        judge()
    settings = {'seconds': o.seconds, 'nce': o.nce, 'tokens': o.token_weight}
    begun = time.time(); total = o.seconds - (begun - START); step, seen, mtok, avg, t_log, marks = 0, 0, 0, {}, time.time(), [k / 8 for k in range(1, 8)]; bad = 0
    say(f'training for {total:.0f} s')
    while True:
        done = (time.time() - begun) / total
        if done >= 1: break
        warm = min(1, (step + 1) / 200) if cuda else min(1, (step + 1) / 10)
        for g in opt.param_groups: g['lr'] = o.lr * warm * max(0.02, 1 - done) if done > 0.0 else o.lr * warm
        if step % 50 == 0 and os.path.exists(o.out + '/settings.json'):
            settings.update(json.load(open(o.out + '/settings.json'))); total = settings['seconds'] - (begun - START)
        fn = (lambda: pair_loss(0)) if step % 4 == 1 else (lambda: pair_loss(1)) if step % 8 == 3 else translation_loss if step % 16 == 2 else score_loss if step % 16 == 10 and done > 0.3 else unit_loss
        loss, parts_ = fn(); loss.backward()
        ml, mp = mask_loss(o.mlm_rows); (ml * 0.25).backward()
        if token_sets:
            tl, tp = token_loss(list(token_sets)[step % len(token_sets)]); (tl * settings['tokens']).backward(); mp |= tp
        norm = torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        if torch.isfinite(norm): opt.step()
        else: bad += 1
        opt.zero_grad(set_to_none=True); step += 1; seen += o.tokens; mtok += o.mlm_rows * 128
        for k, v in {**parts_, **mp, 'norm': norm}.items(): avg.setdefault(k, []).append(v.detach())
        if step % (100 if cuda else 5) == 0 or step in (1, 10, 30):
            row = {k: round(torch.stack(v).mean().item(), 4) for k, v in avg.items()}; avg = {}
            row = {'step': step, 'seconds': round(time.time() - begun, 1), 'lr': round(opt.param_groups[0]['lr'], 6), **row}; log.write(json.dumps(row) + '\n'); log.flush()
            if step % (500 if cuda else 5) == 0 or step <= 30: say(row)
        if marks and done >= marks[0]: marks.pop(0); log.write(json.dumps({'step': step, **judge()}) + '\n'); save('checkpoint')
    final = judge(); save('model'); log.write(json.dumps({'steps': step, 'unitTokens': seen, 'maskTokens': mtok, 'seconds': time.time() - begun, 'skippedSteps': bad, **final}) + '\n'); log.close()
    say(f'done: {step} steps, {seen / 1e6:.0f} M padded unit tokens, {mtok / 1e6:.0f} M masking tokens, {(seen + mtok) / (time.time() - begun):.0f} tokens/s')

if __name__ == '__main__': main()
