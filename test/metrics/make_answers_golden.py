"""Agreement of answers by the published scripts, for test/metrics/answers.test.ts: SQuAD's evaluate-v1.1/v2.0 (Rajpurkar et al.; worksheets.codalab.org) and cmrc2018_evaluate.py
(Cui et al.; github.com/ymcui/cmrc2018), their functions as published. Needs nltk (its word tokeniser; no data). Writes answers.json beside itself."""
import collections, json, os, random, re, string
from nltk.tokenize import NLTKWordTokenizer

def normalize_answer(s):
    def remove_articles(text):
        return re.sub(r"\b(a|an|the)\b", " ", text)
    def remove_punc(text):
        return "".join(ch for ch in text if ch not in set(string.punctuation))
    return " ".join(remove_articles(remove_punc(s.lower())).split())

def squad(gold, found):
    g, f = normalize_answer(gold).split(), normalize_answer(found).split()
    exact = int(normalize_answer(gold) == normalize_answer(found))
    common = sum((collections.Counter(g) & collections.Counter(f)).values())
    if not g or not f:
        return exact, int(g == f)
    if common == 0:
        return exact, 0
    p, r = common / len(f), common / len(g)
    return exact, 2 * p * r / (p + r)

SP = ['-',':','_','*','^','/','\\','~','`','+','=','，','。','：','？','！','“','”','；','’','《','》','……','·','、','「','」','（','）','－','～','『','』']
tokenize = NLTKWordTokenizer().tokenize

def mixed_segmentation(in_str, rm_punc=False):
    in_str = str(in_str).lower().strip()
    segs_out, temp_str = [], ""
    for char in in_str:
        if rm_punc and char in SP:
            continue
        if re.search(r'[\u4e00-\u9fa5]', char) or char in SP:
            if temp_str != "":
                segs_out.extend(tokenize(temp_str))
                temp_str = ""
            segs_out.append(char)
        else:
            temp_str += char
    if temp_str != "":
        segs_out.extend(tokenize(temp_str))
    return segs_out

def remove_punctuation(in_str):
    return ''.join(char for char in str(in_str).lower().strip() if char not in SP)

def find_lcs(s1, s2):
    m = [[0 for _ in range(len(s2) + 1)] for _ in range(len(s1) + 1)]
    mmax = 0
    for i in range(len(s1)):
        for j in range(len(s2)):
            if s1[i] == s2[j]:
                m[i + 1][j + 1] = m[i][j] + 1
                mmax = max(mmax, m[i + 1][j + 1])
    return mmax

def cmrc(gold, found):
    g, f = mixed_segmentation(gold, True), mixed_segmentation(found, True)
    lcs = find_lcs(g, f)
    exact = int(remove_punctuation(gold) == remove_punctuation(found))
    if lcs == 0:
        return exact, 0
    p, r = lcs / len(f), lcs / len(g)
    return exact, 2 * p * r / (p + r)

random.seed(11)
ENGLISH = "the a an Norman dukes of 1,234 U.S. don't co-op in 10th century (and) -- France's \"Rollo\" St. naïve".split()
CHINESE = list("诺曼底公爵在十世纪，。《》：“”年月日北京") + [" NBA ", "1998", " iPhone 7 ", "3.5"]
cases = []
for maker, words, join in ((squad, ENGLISH, " "), (cmrc, CHINESE, "")):
    for _ in range(150):
        gold = join.join(random.choice(words) for _ in range(random.randint(1, 7)))
        found = gold if random.random() < 0.15 else join.join(random.choice(words) for _ in range(random.randint(0, 7))) if random.random() < 0.4 else join.join(w for w in (gold.split(" ") if join else list(gold)) if random.random() < 0.7)
        cases.append([maker.__name__, gold, found, *maker(gold, found)])
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "answers.json"), "w") as file:
    json.dump(cases, file, ensure_ascii=False, separators=(",", ":"))
    file.write("\n")
