/** Script of characters that every script uses: punctuation, digits, symbols. */
export const COMMON_SCRIPT = 0;
/** Script of combining marks: they take the script of what they follow. */
export const INHERITED_SCRIPT = 1;
const HAN_SCRIPT = 2;

/**
 * Values of the Unicode `Script` property; frequent ones first because they are tried in order. Kana count as Han, as
 * in SentencePiece.
 */
const SCRIPT_NAMES = `Latin Cyrillic Greek Hangul Arabic Hebrew Devanagari Thai Bengali Tamil Telugu Georgian Armenian
Adlam Ahom Anatolian_Hieroglyphs Avestan Balinese Bamum Bassa_Vah Batak Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid
Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian Coptic Cuneiform Cypriot Cypro_Minoan Deseret
Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Garay Glagolitic Gothic Grantha Gujarati Gunjala_Gondi
Gurmukhi Gurung_Khema Hanifi_Rohingya Hanunoo Hatran Imperial_Aramaic Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi
Kannada Kawi Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki Khudawadi Kirat_Rai Lao Lepcha Limbu Linear_A Linear_B Lisu
Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui
Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari New_Tai_Lue Newa
Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Ol_Onal Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian
Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician
Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo
Sundanese Sunuwar Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tangsa Tangut Thaana Tibetan Tifinagh
Tirhuta Todhri Toto Tulu_Tigalari Ugaritic Vai Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square`.split(/\s+/);

const LONG_VOWEL_MARK = 0x30fc;
const UNSET = 255;

const byCodePoint = new Uint8Array(0x110000).fill(UNSET);
let matchers: { script: number; pattern: RegExp }[] | undefined;

/**
 * A small number for the Unicode script of a code point. Han, Hiragana and Katakana share one number, as in
 * SentencePiece, because a Japanese word mixes them. Code points that the engine's Unicode version does not
 * know count as {@link COMMON_SCRIPT}.
 */
export function scriptOf(codePoint: number): number {
  const known = byCodePoint[codePoint];
  return known !== UNSET ? known : (byCodePoint[codePoint] = lookUp(codePoint));
}

function lookUp(codePoint: number): number {
  if (codePoint === LONG_VOWEL_MARK) return HAN_SCRIPT;
  matchers ??= buildMatchers();
  const character = String.fromCodePoint(codePoint);
  return matchers.find(({ pattern }) => pattern.test(character))?.script ?? COMMON_SCRIPT;
}

function buildMatchers(): { script: number; pattern: RegExp }[] {
  const built = [
    { script: COMMON_SCRIPT, pattern: /\p{Script=Common}/u },
    { script: HAN_SCRIPT, pattern: /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u },
    { script: INHERITED_SCRIPT, pattern: /\p{Script=Inherited}/u },
  ];
  for (const [index, name] of SCRIPT_NAMES.entries()) {
    try {
      built.push({ script: HAN_SCRIPT + 1 + index, pattern: new RegExp(`\\p{Script=${name}}`, 'u') });
    } catch {
      // This engine's Unicode version is older than the script; its characters are then common.
    }
  }
  return built;
}
