/** A document of the demonstration. */
export interface DemoDocument {
  topic: 'cooking' | 'space' | 'gardening' | 'transport' | 'sleep' | 'money';
  language: 'en' | 'zh';
  text: string;
  /** What it says, in the other language. */
  gist: string;
}

/** A search of the demonstration. */
export interface DemoQuery {
  /** The topic that its answers should have. */
  topic: DemoDocument['topic'];
  language: DemoDocument['language'];
  text: string;
}

/** Six topics, two documents in each language. Written for this project. */
export const DEMO_DOCUMENTS: readonly DemoDocument[] = [
  {
    topic: 'cooking',
    language: 'en',
    text: 'Toast the cumin and coriander in a dry pan until they smell nutty, then fry the onions slowly in butter before the lentils go in.',
    gist: '孜然和香菜籽先干锅炒香，洋葱用黄油慢煎，再下扁豆',
  },
  {
    topic: 'cooking',
    language: 'en',
    text: 'Bread dough is ready for the oven when a gentle press with one finger leaves a dent that springs back only halfway.',
    gist: '手指轻按，凹痕只弹回一半，面团就可以进烤箱了',
  },
  {
    topic: 'cooking',
    language: 'zh',
    text: '炒青菜要大火快炒，锅烧热了再放油，下锅前把菜叶上的水沥干，出锅时撒一点盐就够了。',
    gist: 'Fry well drained greens fast in a hot wok, salt them at the end',
  },
  {
    topic: 'cooking',
    language: 'zh',
    text: '熬汤的骨头先用冷水下锅焯一遍，撇去浮沫，再加姜片小火慢炖两个小时，汤色就会又白又浓。',
    gist: 'For a rich white broth blanch the bones, skim, and simmer with ginger for two hours',
  },
  {
    topic: 'space',
    language: 'en',
    text: 'The probe fell silent behind the planet for forty minutes, and then its radio returned with the first pictures of the icy moon.',
    gist: '探测器在行星背后沉默了四十分钟，然后传回冰卫星的照片',
  },
  {
    topic: 'space',
    language: 'en',
    text: 'A star much heavier than our Sun burns its fuel quickly, swells, and ends in an explosion that outshines its whole galaxy.',
    gist: '比太阳重得多的恒星很快烧尽，最后爆炸，亮过整个星系',
  },
  {
    topic: 'space',
    language: 'zh',
    text: '探测器绕月飞行了三圈，拍下背面环形山的照片，通过中继卫星传回了地面站。',
    gist: 'A probe circled the moon three times and sent home pictures of its far side',
  },
  {
    topic: 'space',
    language: 'zh',
    text: '天文学家用射电望远镜收到来自遥远星系的信号，那束光在宇宙里走了一百多亿年。',
    gist: 'A radio telescope caught a signal that had travelled ten billion years',
  },
  {
    topic: 'gardening',
    language: 'en',
    text: 'Water tomatoes at the root in the morning; wet leaves in the evening invite blight, and uneven watering splits the fruit.',
    gist: '番茄要早上浇根部，晚上叶子湿了容易得病',
  },
  {
    topic: 'gardening',
    language: 'en',
    text: 'Cut the roses back to an outward-facing bud in late winter and feed the soil with compost before the first shoots appear.',
    gist: '冬末把月季剪到朝外的芽，发芽前给土里加堆肥',
  },
  {
    topic: 'gardening',
    language: 'zh',
    text: '阳台种番茄要选深一点的花盆，苗长到三十厘米就搭架子，每周松一次土、浇两次透水。',
    gist: 'Tomatoes on a balcony: a deep pot, a frame at thirty centimetres, watered twice a week',
  },
  {
    topic: 'gardening',
    language: 'zh',
    text: '兰花喜欢散射光，夏天不能暴晒，浇水要等盆土表面干了再浇，冬天要少浇。',
    gist: 'Orchids want soft light; water when the top of the soil is dry, less in winter',
  },
  {
    topic: 'transport',
    language: 'en',
    text: 'The night train leaves platform seven at ten past eleven; bicycles travel in the last carriage and need a ticket of their own.',
    gist: '夜班火车十一点十分从七号站台开出，自行车另外买票',
  },
  {
    topic: 'transport',
    language: 'en',
    text: 'Trams on the harbour line are running every six minutes again after workers replaced the worn rails at the bridge.',
    gist: '桥上的旧铁轨换好了，港口线电车又是六分钟一班',
  },
  {
    topic: 'transport',
    language: 'zh',
    text: '受大雾影响，早班高铁晚点四十分钟，车站在二号候车厅为旅客准备了热水和改签窗口。',
    gist: 'Fog delays the morning express by forty minutes; tickets can be changed in hall two',
  },
  {
    topic: 'transport',
    language: 'zh',
    text: '新开通的地铁十四号线把机场和老城区连了起来，骑车到站的乘客可以把自行车停进地下车库。',
    gist: 'A new metro line joins airport and old town; bicycles park below',
  },
  {
    topic: 'sleep',
    language: 'en',
    text: 'Going to bed at the same hour, a cool dark room and no coffee after lunch help more people fall asleep than any pill.',
    gist: '按时上床、房间凉而暗、午饭后不喝咖啡，比药片更助眠',
  },
  {
    topic: 'sleep',
    language: 'en',
    text: 'Dreams are longest near morning, which is why those who are woken by an alarm remember them and late risers often do not.',
    gist: '清晨的梦最长，所以被闹钟叫醒的人记得住梦',
  },
  {
    topic: 'sleep',
    language: 'zh',
    text: '睡前一小时放下手机，把灯光调暗，泡个热水脚，身体会明白该休息了，入睡自然就快。',
    gist: 'Put the phone away an hour before bed, dim the light, warm your feet: sleep comes by itself',
  },
  {
    topic: 'sleep',
    language: 'zh',
    text: '午睡最好不要超过半小时，睡得太久醒来反而头昏，晚上也容易失眠。',
    gist: 'Naps over half an hour make you dizzy, and sleepless at night',
  },
  {
    topic: 'money',
    language: 'en',
    text: 'Put a tenth of every salary into a savings account on the day it arrives, and pay off the loan with the highest interest first.',
    gist: '工资一到账就存十分之一，先还利息最高的贷款',
  },
  {
    topic: 'money',
    language: 'en',
    text: 'The central bank kept its rate unchanged, and the price of government bonds rose a little before the markets closed.',
    gist: '央行利率不变，收市前国债价格略涨',
  },
  {
    topic: 'money',
    language: 'zh',
    text: '买基金之前先留出半年的生活费存进银行，剩下的钱再做长期投资，不要借钱炒股。',
    gist: 'Before buying funds keep half a year of living costs in the bank; never borrow to invest',
  },
  {
    topic: 'money',
    language: 'zh',
    text: '受央行降息的消息影响，国债价格小幅上涨，房贷利率下个月也会跟着调整。',
    gist: 'After the rate cut bond prices rose a little, and mortgages follow next month',
  },
];

/** Searches in both languages; none repeats a document's sentence, and most are answered best in the other language. */
export const DEMO_QUERIES: readonly DemoQuery[] = [
  { topic: 'sleep', language: 'en', text: 'I lie awake at night, what can I do?' },
  { topic: 'space', language: 'zh', text: '恒星是怎么死的？' },
  { topic: 'transport', language: 'en', text: 'Is there a train to the airport?' },
  { topic: 'gardening', language: 'zh', text: '花什么时候浇水？' },
  { topic: 'cooking', language: 'en', text: 'How do I cook vegetables?' },
  { topic: 'money', language: 'zh', text: '先还贷款还是先存钱？' },
];
