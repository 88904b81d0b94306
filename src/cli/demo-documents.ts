/** A document of the demonstration. */
export interface DemoDocument {
  topic: 'cooking' | 'space' | 'gardening' | 'transport' | 'sleep' | 'money';
  language: 'en' | 'zh';
  text: string;
}

/** A search of the demonstration, with the topic that its answers should have. */
export interface DemoQuery {
  topic: DemoDocument['topic'];
  text: string;
}

/** Six topics, two documents in each language. Written for this project. */
export const DEMO_DOCUMENTS: readonly DemoDocument[] = [
  { topic: 'cooking', language: 'en', text: 'Toast the cumin and coriander in a dry pan until they smell nutty, then fry the onions slowly in butter before the lentils go in.' },
  { topic: 'cooking', language: 'en', text: 'Bread dough is ready for the oven when a gentle press with one finger leaves a dent that springs back only halfway.' },
  { topic: 'cooking', language: 'zh', text: '炒青菜要大火快炒，锅烧热了再放油，下锅前把菜叶上的水沥干，出锅时撒一点盐就够了。' },
  { topic: 'cooking', language: 'zh', text: '熬汤的骨头先用冷水下锅焯一遍，撇去浮沫，再加姜片小火慢炖两个小时，汤色就会又白又浓。' },
  { topic: 'space', language: 'en', text: 'The probe fell silent behind the planet for forty minutes, and then its radio returned with the first pictures of the icy moon.' },
  { topic: 'space', language: 'en', text: 'A star much heavier than our Sun burns its fuel quickly, swells, and ends in an explosion that outshines its whole galaxy.' },
  { topic: 'space', language: 'zh', text: '探测器绕月飞行了三圈，拍下背面环形山的照片，通过中继卫星传回了地面站。' },
  { topic: 'space', language: 'zh', text: '天文学家用射电望远镜收到来自遥远星系的信号，那束光在宇宙里走了一百多亿年。' },
  { topic: 'gardening', language: 'en', text: 'Water tomatoes at the root in the morning; wet leaves in the evening invite blight, and uneven watering splits the fruit.' },
  { topic: 'gardening', language: 'en', text: 'Cut the roses back to an outward-facing bud in late winter and feed the soil with compost before the first shoots appear.' },
  { topic: 'gardening', language: 'zh', text: '阳台种番茄要选深一点的花盆，苗长到三十厘米就搭架子，每周松一次土、浇两次透水。' },
  { topic: 'gardening', language: 'zh', text: '兰花喜欢散射光，夏天不能暴晒，浇水要等盆土表面干了再浇，冬天要少浇。' },
  { topic: 'transport', language: 'en', text: 'The night train leaves platform seven at ten past eleven; bicycles travel in the last carriage and need a ticket of their own.' },
  { topic: 'transport', language: 'en', text: 'Trams on the harbour line are running every six minutes again after workers replaced the worn rails at the bridge.' },
  { topic: 'transport', language: 'zh', text: '受大雾影响，早班高铁晚点四十分钟，车站在二号候车厅为旅客准备了热水和改签窗口。' },
  { topic: 'transport', language: 'zh', text: '新开通的地铁十四号线把机场和老城区连了起来，骑车到站的乘客可以把自行车停进地下车库。' },
  { topic: 'sleep', language: 'en', text: 'Going to bed at the same hour, a cool dark room and no coffee after lunch help more people fall asleep than any pill.' },
  { topic: 'sleep', language: 'en', text: 'Dreams are longest near morning, which is why those who are woken by an alarm remember them and late risers often do not.' },
  { topic: 'sleep', language: 'zh', text: '睡前一小时放下手机，把灯光调暗，泡个热水脚，身体会明白该休息了，入睡自然就快。' },
  { topic: 'sleep', language: 'zh', text: '午睡最好不要超过半小时，睡得太久醒来反而头昏，晚上也容易失眠。' },
  { topic: 'money', language: 'en', text: 'Put a tenth of every salary into a savings account on the day it arrives, and pay off the loan with the highest interest first.' },
  { topic: 'money', language: 'en', text: 'The central bank kept its rate unchanged, and the price of government bonds rose a little before the markets closed.' },
  { topic: 'money', language: 'zh', text: '买基金之前先留出半年的生活费存进银行，剩下的钱再做长期投资，不要借钱炒股。' },
  { topic: 'money', language: 'zh', text: '受央行降息的消息影响，国债价格小幅上涨，房贷利率下个月也会跟着调整。' },
];

/** Searches in both languages; none repeats a document's sentence. */
export const DEMO_QUERIES: readonly DemoQuery[] = [
  { topic: 'sleep', text: 'I lie awake at night, what can I do?' },
  { topic: 'gardening', text: '怎样给花和蔬菜浇水？' },
  { topic: 'transport', text: 'When does the train leave?' },
  { topic: 'space', text: '望远镜看到的星星和月亮' },
  { topic: 'money', text: 'interest rates and savings' },
  { topic: 'cooking', text: '家常菜怎么做才好吃' },
];
