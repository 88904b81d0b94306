/** The same thing in English and in Chinese. */
export type Bilingual = readonly [en: string, zh: string];

const both = (list: string): Bilingual[] =>
  list
    .trim()
    .split(/\s*;\s*/)
    .map((entry) => entry.split(/\s*=\s*/) as unknown as Bilingual);
const words = (list: string): string[] => list.trim().split(/\s*,\s*/);

/** Who does something. */
export const SUBJECTS = both(
  `teacher=老师; doctor=医生; farmer=农民; driver=司机; student=学生; lawyer=律师; painter=画家; soldier=士兵; nurse=护士;
   singer=歌手; baker=面包师; tailor=裁缝; judge=法官; sailor=水手; writer=作家; engineer=工程师`,
);
/** Things. */
export const OBJECTS = both(
  `book=书; table=桌子; letter=信; lamp=灯; bicycle=自行车; knife=刀; coat=外套; clock=钟; mirror=镜子; basket=篮子; key=钥匙;
   bottle=瓶子; chair=椅子; map=地图; piano=钢琴; umbrella=雨伞`,
);
/** Where. */
export const PLACES = both(
  `in the garden=在花园里; at the station=在车站; in the kitchen=在厨房里; near the river=在河边; behind the school=在学校后面;
   in the library=在图书馆里; on the bridge=在桥上; at the market=在市场上; in the forest=在森林里; beside the road=在路边`,
);
/** When; the English ones say nothing of tense. */
export const TIMES = both(
  `on Monday=星期一; in the morning=早上; after lunch=午饭后; at night=夜里; in spring=春天; before dawn=天亮前;
   at noon=中午; in the evening=傍晚`,
);
/** How things are, without saying whether that is good. */
export const QUALITIES = both(
  `old=旧的; red=红色的; small=小的; heavy=沉重的; wooden=木头的; long=长的; round=圆的; blue=蓝色的; narrow=窄的; wet=湿的`,
);

/** What is done to things. */
export interface Action {
  present: string;
  past: string;
  zh: string;
}

/** Verbs, of which the last are held out where tense is asked for. */
export const ACTIONS: readonly Action[] =
  `sells sold 卖; buys bought 买; finds found 找到; cleans cleaned 擦; repairs repaired 修理;
  carries carried 搬; hides hid 藏; takes took 拿走; brings brought 带来; paints painted 画; keeps kept 留下; loses lost 弄丢;
  breaks broke 打破; opens opened 打开; watches watched 看; throws threw 扔; wants wanted 要走; steals stole 偷走; chooses chose 挑选;
  moves moved 移动; holds held 握住; forgets forgot 忘记; draws drew 描绘; leaves left 放下; touches touched 碰; gives gave 送出;
  copies copied 复制; counts counted 数; lifts lifted 举起; measures measured 量`
    .split(/\s*;\s*/)
    .map((entry) => entry.split(' '))
    .map(([present, past, zh]) => ({ present, past, zh }));

/** Nouns with their plurals. */
export const NOUNS: readonly (readonly [one: string, several: string])[] =
  `dog dogs, child children, horse horses, box boxes, woman women, boat boats, city cities, mouse mice, bird birds, wolf wolves, tree trees,
  man men, baby babies, fox foxes, car cars, leaf leaves, girl girls, church churches, foot feet, cup cups, lady ladies, house houses, knife knives,
  king kings, bus buses, goose geese, plant plants, country countries, shelf shelves, friend friends`
    .split(/\s*,\s*/)
    .map((entry) => entry.split(' ') as unknown as readonly [string, string]);

/** Topics with things that are talked about. */
export const TOPICS: Readonly<Record<string, readonly [en: string[], zh: string[]]>> = {
  food: [
    words(
      'bread, cheese, soup, apples, noodles, butter, salad, cake, rice, chicken, potatoes, honey, sausages, pancakes, grapes',
    ),
    words('面包, 奶酪, 汤, 苹果, 面条, 黄油, 沙拉, 蛋糕, 米饭, 鸡肉, 土豆, 蜂蜜, 香肠, 饺子, 葡萄'),
  ],
  animals: [
    words(
      'dogs, cats, horses, rabbits, elephants, cows, pigeons, tigers, sheep, wolves, lions, mice, bears, ducks, monkeys',
    ),
    words('狗, 猫, 马, 兔子, 大象, 牛, 鸽子, 老虎, 羊, 狼, 狮子, 老鼠, 熊, 鸭子, 猴子'),
  ],
  weather: [
    words(
      'rain, snow, wind, storms, fog, thunder, frost, heat, clouds, sunshine, hail, lightning, drizzle, floods, drought',
    ),
    words('雨, 雪, 风, 暴风雨, 雾, 雷声, 霜冻, 炎热, 云, 阳光, 冰雹, 闪电, 毛毛雨, 洪水, 干旱'),
  ],
  money: [
    words(
      'taxes, banks, prices, wages, loans, stocks, debts, savings, rents, profits, budgets, bonds, interest, mortgages, investments',
    ),
    words('税收, 银行, 价格, 工资, 贷款, 股票, 债务, 存款, 房租, 利润, 预算, 债券, 利息, 房贷, 投资'),
  ],
  sport: [
    words(
      'football, tennis, swimming, running, boxing, golf, cycling, skiing, wrestling, basketball, hockey, volleyball, rowing, badminton, gymnastics',
    ),
    words('足球, 网球, 游泳, 跑步, 拳击, 高尔夫, 自行车赛, 滑雪, 摔跤, 篮球, 冰球, 排球, 划船, 羽毛球, 体操'),
  ],
  health: [
    words(
      'fever, medicine, hospitals, cancer, surgery, vaccines, headaches, nurses, diabetes, pills, coughing, infections, allergies, flu, asthma',
    ),
    words('发烧, 药物, 医院, 癌症, 手术, 疫苗, 头痛, 护士, 糖尿病, 药片, 咳嗽, 感染, 过敏, 流感, 哮喘'),
  ],
};

/** Praise and blame. */
export const OPINIONS: Readonly<Record<string, readonly [en: string[], zh: string[]]>> = {
  positive: [
    words(
      'wonderful, excellent, lovely, delightful, perfect, charming, superb, pleasant, fantastic, brilliant, beautiful, great, amazing, enjoyable, splendid',
    ),
    words('好, 精彩, 优秀, 可爱, 完美, 迷人, 舒服, 愉快, 出色, 漂亮, 满意, 棒, 周到, 方便, 温馨'),
  ],
  negative: [
    words(
      'terrible, awful, boring, ugly, horrible, disappointing, poor, dreadful, useless, annoying, bad, dull, disgusting, unpleasant, stupid',
    ),
    words('差, 糟糕, 无聊, 丑陋, 可怕, 失望, 难受, 烦人, 没用, 难看, 糟, 乏味, 恶心, 麻烦, 愚蠢'),
  ],
};
/** What opinions are about. */
export const REVIEWED = both(
  `film=电影; hotel=酒店; meal=饭菜; book=书; concert=音乐会; room=房间; service=服务; story=故事; play=戏; trip=旅行`,
);

/** Names of people, family name first in Chinese. */
export const PEOPLE = both(
  `Anna Smith=王小明; Peter Brown=李秀英; Maria Garcia=张建国; John Miller=刘志强; Emma Wilson=陈丽华; David Lee=杨光; Laura King=赵敏;
   Paul Baker=黄海; Helen Clark=周杰; Mark Young=吴刚; Susan Hall=徐静; Tom Walker=孙磊; Julia Scott=马超; Frank Moore=朱婷;
   Alice Green=胡军`,
);
/** Names of towns and countries. */
export const TOWNS = both(
  `Berlin=柏林; Paris=巴黎; London=伦敦; Shanghai=上海; Rome=罗马; Chicago=芝加哥; Madrid=马德里; Moscow=莫斯科; Tokyo=东京;
   Beijing=北京; Vienna=维也纳; Boston=波士顿; Cairo=开罗; Sydney=悉尼; Hangzhou=杭州`,
);
