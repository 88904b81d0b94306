/** Frequent opposites, which stand near each other in every space of word vectors; each line's word is a pair. */
const PAIRS = `
good/bad best/worst better/worse great/terrible excellent/poor positive/negative love/hate like/dislike right/wrong
true/false strong/weak high/low higher/lower more/less most/least many/few much/little big/small large/small long/short
old/new old/young early/late first/last fast/slow easy/hard easy/difficult simple/complex hot/cold warm/cool rich/poor
cheap/expensive clean/dirty happy/sad funny/serious interesting/boring beautiful/ugly friendly/rude quiet/loud safe/dangerous
success/failure successful/failed win/lose won/lost increase/decrease rise/fall rose/fell up/down open/closed start/end
begin/end buy/sell enter/leave accept/reject agree/disagree possible/impossible likely/unlikely useful/useless always/never
everything/nothing everyone/nobody inside/outside before/after above/below left/right north/south east/west male/female
man/woman men/women boy/girl father/mother day/night morning/evening winter/summer fresh/stale original/unoriginal
well/badly fail/succeed improve/worsen gain/loss profit/loss bright/dark light/heavy light/dark full/empty deep/shallow
好/坏 好/差 最好/最差 优秀/糟糕 喜欢/讨厌 满意/失望 正确/错误 真/假 强/弱 高/低 多/少 大/小 长/短 新/旧 早/晚 快/慢 容易/困难 简单/复杂 热/冷
便宜/昂贵 便宜/贵 干净/肮脏 高兴/难过 高兴/悲伤 开心/难过 美丽/丑陋 安静/吵闹 安全/危险 成功/失败 赢/输 增加/减少 上升/下降 上涨/下跌 开始/结束 买/卖
接受/拒绝 同意/反对 可能/不可能 有用/没用 总是/从不 里面/外面 以前/以后 之前/之后 上面/下面 男/女 男人/女人 男性/女性 白天/晚上 提高/降低 优点/缺点 进步/退步
支持/反对 积极/消极 热情/冷淡 舒服/难受 方便/麻烦 宽敞/狭小 宽敞/狭窄 明亮/昏暗 清晰/模糊 完美/糟糕 不错/糟糕 精彩/无聊
`;

const opposites = new Set(
  PAIRS.trim()
    .split(/\s+/)
    .flatMap((pair) => {
      const [a, b] = pair.split('/');
      return [`${a}/${b}`, `${b}/${a}`];
    }),
);

/** Whether two words are known to say the opposite of each other. */
export const isOpposite = (a: string, b: string): boolean => opposites.has(`${a}/${b}`);
