"""The words of the simulator: concepts, their English words, their glosses.

A concept is what an English content word and a sign share. Nearly every concept has one gloss of
the same name; `TWO_SIGNS` have a second one (`NAME-2`), and the signer decides between them.
"""

import functools

from sign_jax.errors import UserError

# "NAME", or "NAME=word|synonym" where the words are not the lower-case name.
_TIMES = """
TODAY TOMORROW TONIGHT MORNING=in_the_morning NOON=at_noon AFTERNOON=in_the_afternoon
EVENING=in_the_evening MONDAY=on_Monday TUESDAY=on_Tuesday WEDNESDAY=on_Wednesday
THURSDAY=on_Thursday FRIDAY=on_Friday SATURDAY=on_Saturday SUNDAY=on_Sunday
WEEKEND=at_the_weekend WINTER=in_winter SPRING=in_spring SUMMER=in_summer
AUTUMN=in_autumn|in_fall SOON=soon|shortly LATER=later|afterwards
"""
_PHENOMENA = """
RAIN SNOW HAIL STORM=storms THUNDER LIGHTNING FOG=fog|mist FROST WIND=winds SUNSHINE
CLOUD=clouds DRIZZLE FLOOD=floods HEAT
"""
_REGIONS = """
NORTH=in_the_north SOUTH=in_the_south EAST=in_the_east WEST=in_the_west
COAST=along_the_coast|along_the_shore MOUNTAIN=in_the_mountains VALLEY=in_the_valleys
RIVER=along_the_river LAKE=around_the_lake ISLAND=on_the_islands FOREST=in_the_forest|in_the_woods
BORDER=near_the_border
"""
_DEGREES = "STRONG LIGHT=gentle SUDDEN DANGER=dangerous SHORT=brief COLD WARM LOCAL=local"
_CHANGES = """
COME=arrive LEAVE=disappear|vanish SPREAD STAY=remain|stay INCREASE=increase|grow DECREASE=weaken
BEGIN=begin|start STOP
"""
_PEOPLE = """
MOTHER=mother|mum FATHER=father|dad BROTHER SISTER GRANDMOTHER=grandmother|grandma AUNT UNCLE
CHILD=child|kid FRIEND TEACHER DOCTOR NURSE NEIGHBOUR BOSS=boss|manager STUDENT FARMER
"""
_FOOD = "BREAD SOUP APPLE=apples FISH CAKE EGG=eggs CHEESE"
_DRINKS = "MILK COFFEE TEA"
_TEXTS = "BOOK LETTER NEWSPAPER"
_THINGS = """
CAR BICYCLE=bicycle|bike DOOR TABLE CHAIR KEY PHONE=phone|telephone SHIRT HAT PICTURE=picture|photo
"""
_VERBS = """
EAT COOK DRINK BUY=buy|purchase SELL WASH FIND LOSE BRING REPAIR=repair|fix READ WRITE PAINT
FORGET SHARE NEED
"""
_ACTIVITIES = "WORK SLEEP PLAY WAIT STUDY SING DANCE"
_PLACES = """
SCHOOL=at_school SHOP=in_the_shop|in_the_store HOSPITAL=in_the_hospital OFFICE=in_the_office
KITCHEN=in_the_kitchen MARKET=at_the_market STATION=at_the_station LIBRARY=in_the_library
PARK=in_the_park RESTAURANT=in_the_restaurant GARDEN=in_the_garden
"""
_QUALITIES = "BIG=big|large SMALL=small|little NEW OLD RED BLUE GREEN EXPENSIVE BEAUTIFUL"
_MOODS = "HAPPY=happy|glad SAD TIRED SICK=sick|ill ANGRY"
_ADVERBS = "NOT MAYBE=perhaps|maybe"

# The one look-alike partner of a gloss. Related pairs fill the same role in a sentence and are
# told apart by what stands beside them (`PREFERS`); unrelated ones by their role.
_RELATED = (("SNOW", "HAIL"), ("DOCTOR", "NURSE"), ("TEA", "COFFEE"), ("RIVER", "LAKE"),
            ("THUNDER", "LIGHTNING"), ("AUNT", "UNCLE"), ("CHAIR", "TABLE"), ("SING", "DANCE"))
_UNRELATED = (("FOG", "SOUP"), ("NORTH", "APPLE"), ("STORM", "TEACHER"), ("COAST", "LETTER"),
              ("WARM", "KEY"), ("FLOOD", "SHIRT"), ("EAST", "CHEESE"), ("SUDDEN", "PARK"))

TWO_SIGNS = ("MORNING", "TOMORROW", "MOTHER", "RED", "RAIN", "SCHOOL", "HAPPY", "STOP")

# Concepts that like to share a sentence with a member of a related pair.
PREFERS = {
  "SNOW": "WINTER MORNING MONDAY WEDNESDAY MOUNTAIN NORTH LIGHT LOCAL SPREAD STAY",
  "HAIL": "SUMMER AFTERNOON TUESDAY THURSDAY VALLEY SOUTH SUDDEN SHORT COME STOP",
  "DOCTOR": "OFFICE LIBRARY READ WRITE BOOK OLD",
  "NURSE": "HOSPITAL KITCHEN WASH BRING BREAD NEW",
  "TEA": "AFTERNOON GARDEN GRANDMOTHER SHARE",
  "COFFEE": "MORNING OFFICE BOSS BUY",
  "RIVER": "RAIN FLOOD STORM SPRING AUTUMN INCREASE DANGER",
  "LAKE": "SUNSHINE FOG FROST SUMMER WINTER STAY LIGHT",
  "THUNDER": "EVENING TONIGHT SATURDAY MOUNTAIN WEST STRONG COME",
  "LIGHTNING": "NOON SOON SUNDAY FOREST ISLAND DANGER BEGIN",
  "AUNT": "SUNDAY EVENING KITCHEN GARDEN COOK CAKE HAPPY",
  "UNCLE": "SATURDAY NOON STATION MARKET REPAIR CAR TIRED",
  "CHAIR": "PAINT GREEN SMALL CHILD GARDEN", "TABLE": "WASH OLD BIG MOTHER KITCHEN",
  "SING": "SCHOOL MORNING TEACHER", "DANCE": "RESTAURANT EVENING FRIEND",
}


def _parse(table):
  entries = [entry.partition("=") for entry in table.split()]
  return {name: tuple((words or name.lower()).replace("_", " ").split("|"))
          for name, _, words in entries}


_TABLES = {
  "time": _TIMES, "phenomenon": _PHENOMENA, "region": _REGIONS, "degree": _DEGREES,
  "change": _CHANGES, "person": _PEOPLE, "food": _FOOD, "drink": _DRINKS, "document": _TEXTS,
  "thing": _THINGS, "verb": _VERBS, "activity": _ACTIVITIES, "place": _PLACES,
  "quality": _QUALITIES, "mood": _MOODS, "adverb": _ADVERBS,
}
_PARSED = {role: _parse(table) for role, table in _TABLES.items()}

WORDS = {name: words for table in _PARSED.values() for name, words in table.items()}
ROLES = {role: tuple(table) for role, table in _PARSED.items()}
OBJECTS = ROLES["food"] + ROLES["drink"] + ROLES["document"] + ROLES["thing"]
TAKES = {
  "EAT": ROLES["food"], "COOK": ROLES["food"], "DRINK": ROLES["drink"],
  "READ": ROLES["document"], "WRITE": ROLES["document"],
  "WASH": ROLES["thing"], "REPAIR": ROLES["thing"], "PAINT": ROLES["thing"],
}
GLOSSES = tuple(WORDS) + tuple(f"{name}-2" for name in TWO_SIGNS)


def gloss(concept, second):
  """The gloss of a concept; `second` asks for the other sign where there are two."""
  return f"{concept}-2" if second and concept in TWO_SIGNS else concept


def concept(gloss_name):
  """The concept of a gloss: "RAIN" for "RAIN" and "RAIN-2"."""
  return gloss_name.partition("-")[0]


@functools.cache
def lookalike_pairs(share=0.12):
  """Pairs of glosses that look the same.

  Args:
    share: share of all glosses that have a look-alike.

  Returns:
    A tuple of (gloss, gloss, related): half of the pairs have related meanings.

  Raises:
    UserError: `share` is not between 0 and what the lexicon has pairs for.
  """
  most = 2 * (len(_RELATED) + len(_UNRELATED)) / len(GLOSSES)
  if not 0 <= share <= most:
    raise UserError(f"the share of look-alike glosses is {share}: choose 0 to {most:.2f}")
  pairs = int(share * len(GLOSSES) / 2 + 0.5)
  related, unrelated = _RELATED[:pairs // 2], _UNRELATED[:pairs - pairs // 2]
  return (tuple((a, b, True) for a, b in related)
          + tuple((a, b, False) for a, b in unrelated))


def lookalikes(share=0.12):
  """Dict from each gloss that has a look-alike to that look-alike."""
  return {x: y for a, b, _ in lookalike_pairs(share) for x, y in ((a, b), (b, a))}
