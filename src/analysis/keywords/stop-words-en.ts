/**
 * English function words: scikit-learn's ENGLISH_STOP_WORDS (scikit-learn 1.x, BSD-3-Clause; from the Glasgow
 * Information Retrieval Group) less the nouns and adjectives in it that name things ("computer", "fire", "system",
 * "thin" ...), and with the auxiliary verbs and contractions that it lacks.
 */
export const ENGLISH_FUNCTION_WORDS: string = `
  a about above across after afterwards again against all almost alone along already also although always am among
  amongst amoungst an and another any anyhow anyone anything anyway anywhere are aren't around as at back be became
  because become becomes becoming been before beforehand behind being below beside besides between beyond both but
  by call can can't cannot cant co con could couldn't couldnt de describe did didn't do does doesn't doing don't
  done down due during each eg eight either eleven else elsewhere enough etc even ever every everyone everything
  everywhere except few fifteen fifty find first five for former formerly forty found four from full further get
  give go had hadn't has hasn't hasnt have haven't having he he'd he'll he's hence her here here's hereafter hereby
  herein hereupon hers herself him himself his how how's however hundred i i'd i'll i'm i've ie if in inc indeed
  into is isn't it it's its itself just keep last latter latterly least less let's ltd made many may me meanwhile
  might more moreover most mostly move much must mustn't my myself namely neither never nevertheless next nine no
  nobody none noone nor not nothing now nowhere of off often on once one only onto or other others otherwise ought
  our ours ourselves out over own per perhaps please put rather re same see seem seemed seeming seems serious
  several shan't she she'd she'll she's should shouldn't show since sincere six sixty so some somehow someone
  something sometime sometimes somewhere still such take ten than that that's the their theirs them themselves then
  thence there there's thereafter thereby therefore therein thereupon these they they'd they'll they're they've
  third this those though three through throughout thru thus to together too toward towards twelve twenty two un
  under until up upon us very via was wasn't we we'd we'll we're we've well were weren't what what's whatever when
  when's whence whenever where where's whereafter whereas whereby wherein whereupon wherever whether which while
  whither who who's whoever whole whom whose why why's will with within without won't would wouldn't yet you you'd
  you'll you're you've your yours yourself yourselves
`;
