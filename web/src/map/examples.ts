/** A small file of both languages to try the map with: the three subjects form three groups. */
export const EXAMPLE = `text,subject
The goalkeeper saved a penalty in the last minute.,sport
She ran the marathon in under three hours.,sport
Our team lost the final by a single point.,sport
The swimmer broke the national record.,sport
He scored two goals in the second half.,sport
The coach praised the young players after the match.,sport
守门员在最后一分钟扑出了点球。,sport
她用不到三小时跑完了马拉松。,sport
我们队在决赛中以一分之差落败。,sport
Boil the pasta in salted water for nine minutes.,food
This soup needs more pepper and a little lemon.,food
The bakery sells fresh bread every morning.,food
Slice the onions and fry them in butter.,food
We ordered noodles and dumplings for dinner.,food
The cake was too sweet for my taste.,food
把洋葱切片，用黄油炒香。,food
这家面馆的牛肉面很好吃。,food
面包店每天早上卖新鲜面包。,food
The spacecraft entered orbit around Mars.,science
Researchers measured the speed of light again.,science
The telescope found a planet around a distant star.,science
Bacteria can become resistant to antibiotics.,science
The experiment confirmed the theory of relativity.,science
Geologists dated the rock to three billion years.,science
望远镜发现了一颗遥远的行星。,science
科学家测量了光的速度。,science
实验证实了这个理论。,science
`;
