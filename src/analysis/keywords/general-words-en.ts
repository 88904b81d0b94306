/*
 * English words that phrases naming a topic neither begin nor end with, compiled for this package: function words alone
 * leave "approach proposes" or "new results" to be candidates, as there is no part-of-speech tagger.
 */

/** Regular verbs; their forms in -s, -ed and -ing are made by rule. Verbs that are usual nouns are not among them. */
export const ENGLISH_VERBS: string = `
  accept accommodate accomplish account achieve acquire act adapt add address adjust admit adopt affect aim
  alleviate allow analyse analyze announce answer appear apply appreciate argue arrange ask assess assign assist
  assume attain attempt attract avoid base believe belong call calculate capture carry categorize cause challenge
  change characterize check choose cite claim clarify classify combine come compare complement complete comply
  compose comprise compute conceive concern conclude conduct confirm conform connect consider consist constitute
  construct consume contain continue contribute converge convert cope correspond cover create deal decide declare
  decline decrease deduce define deliver demand demonstrate denote depend deploy derive describe deserve detect
  determine develop devise differ discover discuss display distinguish divide eliminate emerge emphasize employ
  enable encounter encourage enhance enlarge enrich ensure entail enter establish estimate evaluate evolve examine
  exceed execute exhibit exist expand expect explain exploit explore express extend extract face facilitate fail
  fall favour favor focus follow force formulate fulfil fulfill gain generalize generate guarantee guide handle
  happen help highlight identify ignore illustrate imagine impact implement imply impose improve include incorporate
  increase incur indicate infer influence inform inspect introduce investigate invoke involve join justify lack lead
  learn lie look maintain manage match maximize mean measure mention minimize modify motivate need note notice
  observe obtain occur offer operate optimize organize originate outline outperform overcome participate perceive
  perform permit play point possess postulate predict prefer prepare prescribe present preserve prevent proceed
  produce prohibit promise promote propose prove provide publish pursue question raise reach realize realise receive
  recognize recognise recommend reduce refer refine reflect regard relate rely remain remark remove render replace
  reply report represent require resolve respond restrict resume retain retrieve reveal review satisfy save seek
  select serve share shorten simplify simulate solve specify start state stress strive study subject suffer suggest
  suit summarize supply support suppose surround survey tackle tend test treat try turn undergo underlie undertake
  unify use utilize utilise validate vary verify wait want warrant wish work yield
`;

/** Forms of irregular verbs, and doubled consonants. */
export const ENGLISH_VERB_FORMS: string = `
  arisen arise arises arising arose became become becomes becoming began begin beginning begins begun bring bringing
  brings brought build builds building built came chose chosen choosing comes coming dealt dealing did fallen fell
  felt find finding findings finds found gave gets getting give given gives giving goes going gone got grew grow
  growing grown held hold holding holds incurred inferring inferred keep keeping keeps kept knew know knowing known
  knows lain laid lay leading led left let lets letting lies lying made make makes making meant met meet meets
  meeting occurred occurring permitted permitting put puts putting ran referred referring run runs said saw say
  saying says see seeing seen sees seem seems sent set sets setting shared show showed showing shown shows sought
  speak spoken spend spent stand stands stood take taken takes taking taught tell tells think thinks thought told
  took tries trying underlying undergone undergoing undertaken understand understanding understood uses using went
  won write writing written wrote planned planning fitted fitting
`;

/** Adjectives and adverbs of judgement and quantity, and nouns of writing about something. */
export const ENGLISH_GENERAL_WORDS: string = `
  ability able absence according accordance account actual additional adequate advance advances advantage advantages
  advent ago aim aims alternative alternatives amount amounts analogous apparent applicability applicable
  appropriate article articles aspect aspects assumption assumptions attempt attempts attention attractive author
  authors available aware bad basic basis best better big brief broad capability capable care case cases certain
  challenge challenges chapter choice choices class clear close closer combination combinations common comparable
  comparison comparisons complete completely complex comprehensive conclusion conclusions consequence consequences
  considerable consideration considerations considered consistent context contribution contributions convenient
  conventional corresponding crucial current day days decade decades degree desirable desired despite detail
  detailed details different difficult difficulties difficulty direct disadvantage disadvantages discussion distinct
  drawback drawbacks due early earlier easier easy effect effective effectiveness effects effort efforts emphasis
  entire equal especially essential etc. evidence exact example examples excellent existence existing experience
  experiences experiment experimental experiments explicit extensive extent extra fact factor factors facts far fast
  faster favorable feasible features field fields figure figures first fundamental furthermore future general goal
  goals good great greater greatest group groups growing hand hard high higher highest huge i.e idea ideas impact
  implication implications importance important impossible improvement improvements inherent initial insight
  insights instance instances insufficient interest interesting introduction investigation investigations issue
  issues item items key kind kinds lack large larger largest last later latest lead left less light likely
  limitation limitations limited little long longer lot lots low lower lowest main major manner manners many matter
  matters mean meaning meaningful means minor modern month months multiple namely nature near necessary need needs
  new newer next non normal note notion novel number numbers numerous objective objectives obvious old older ongoing
  opportunity opportunities option options order original overall overview paper papers part particular parts past
  people period perspective perspectives phenomena phenomenon poor popular possibility possibilities possible
  potential practical practice preliminary presence present previous principal prior problem problems progress
  promising proper property purpose purposes question questions range rapid reader readers real reason reasonable
  reasons recent reference references relation relative relevant remarkable report reports required requirement
  requirements respect respective result resulting results right role roles same scope second section sections sense
  series serious set several short significant similar simple simpler simplest simultaneous single situation
  situations slight small smaller smallest so-called solution solutions sort sorts special specific start state step
  steps strong study studies subject subsequent substantial success successful such sufficient suitable superior
  sure table task tasks term terms thing things third time times today together tool tools topic topics total trend
  trends true type types typical unable unique unknown usage use used useful usefulness usual valuable value values
  variety various vast version versions view views vital way ways week weeks well whole wide wider widespread work
  works world worth year years
`;
