"""What composed instructions are about: topics with words that belong to them, and sentences that suit every topic.

No sentence here holds a comma, a digit or a word of a topic, so that what is built of them breaks no instruction by
accident.
"""

from __future__ import annotations

from typing import NamedTuple


class Topic(NamedTuple):
    """Something to write about.

    Args:
        name: With its article, for example `"the harbour"`.
        words: Nouns that belong to it, which may be asked for or forbidden.
    """

    name: str
    words: tuple[str, ...]


_TABLE = """
the harbour: anchor gull crane rope sailor pier buoy tide ferry
the bakery: flour oven crust yeast dough roll tray sugar cake
the library: shelf novel reader desk atlas page poem index lamp
the garden: rose spade hedge soil weed bulb fence seed pond
the railway station: platform train ticket signal clock luggage whistle track conductor
the mountain hut: peak stove blanket trail boot summit glacier soup map
the night market: stall noodle lantern spice crowd vendor coin bargain smoke
the chess club: pawn bishop rook queen opening board tournament trophy rival
the orchestra: violin drum flute score stage trumpet rehearsal cello applause
the fire brigade: hose ladder siren engine helmet alarm flame rescue bucket
the swimming pool: lane diver towel ripple goggles coach splash tile depth
the observatory: telescope star comet lens orbit dome planet meteor moon
the fishing village: net boat herring cottage wave storm basket hook lighthouse
the school play: costume curtain actor script prop audience mask rehearsal ticket
the vineyard: grape barrel cellar cork harvest bottle hill bunch frost
the post office: stamp parcel letter envelope queue scale postmark courier box
the hospital: nurse doctor ward bandage surgeon pulse syringe bed clinic
the zoo: lion keeper cage zebra monkey feather snake elephant hay
the bicycle workshop: chain pedal wheel brake saddle spoke pump wrench bell
the beach: sand shell dune umbrella crab tide kite pebble surf
the forest: oak moss deer fern owl mushroom pine fox brook
the kitchen: pan knife kettle onion spoon recipe butter stew apron
the museum: statue painting guide vase coin mummy gallery ticket frame
the airport: runway pilot suitcase gate passport tower luggage flight radar
the farm: tractor cow barn wheat hen pig pasture milk fence
the tea house: cup leaf steam porcelain tray jasmine honey cushion kettle
the football stadium: goal referee striker fan whistle scarf pitch penalty defender
the old castle: moat knight tower drawbridge dungeon sword throne banner ghost
the carpentry shop: hammer plank nail pliers glue chisel bench drill varnish
the weather station: thermometer cloud wind barometer rain balloon forecast snow pressure
the newspaper: headline editor column reporter ink photograph crossword deadline press
the circus: clown tent acrobat juggler trapeze ring lion ticket popcorn
the river ferry: captain deck current rail bridge bank engine bell passenger
the flower shop: tulip bouquet ribbon vase lily petal orchid card stem
the town hall: mayor clerk stamp council flag vote clock stairs archive
the desert: camel dune oasis cactus lizard caravan mirage scorpion thirst
the ice rink: skate blade puck referee glove helmet spin coach frost
the pottery class: clay wheel kiln glaze bowl sponge apron handle jug
the radio station: microphone song host studio jingle antenna caller headphones news
the camping trip: tent lantern campfire backpack hammock marshmallow compass trail mosquito
the wedding: bride ring cake veil toast guest dance bouquet vow
the bookshop: novel cashier shelf bookmark author cover poster cookbook diary
the coral reef: turtle shark seaweed diver octopus lagoon eel anemone starfish
the toy shop: doll puzzle robot teddy marble puppet kite balloon shelf
the science fair: magnet volcano robot battery poster judge prize beaker circuit
the apple orchard: ladder basket branch cider blossom bee crate ripe worm
the choir: soprano tenor bass melody hymn organ robe chord solo
the snow festival: sculpture sled igloo mitten scarf cocoa parade lantern avalanche
"""

TOPICS = tuple(
    Topic(name, tuple(words.split()))
    for name, _, words in (line.partition(": ") for line in _TABLE.split("\n") if line)
)

FILLERS = (
    "There is always something new to see in a place like this.",
    "Most visitors come early and stay for a long time.",
    "Nobody knows exactly how old all of it really is.",
    "The people who work here are friendly and patient.",
    "It can be quite busy at the weekend.",
    "Children ask many questions and get good answers.",
    "In winter it is calm and almost empty.",
    "You should bring comfortable shoes and a little time.",
    "My uncle told me about it when we were young.",
    "Some things have changed since then but not many.",
    "What I like best is the mood in the morning.",
    "Everyone has a favourite spot and keeps it secret.",
    "They say that the first impression is the strongest.",
    "We once met an artist who drew everything she saw.",
    "Good advice is free for all who want to listen.",
    "That is why so many of us return every year.",
    "On rainy days the colours look different.",
    "Each corner tells a story of its own.",
    "Even strangers begin to talk after a while.",
    "Several photographs on the wall show how it used to be.",
    "Sometimes there is music and then nobody wants to leave.",
    "Work begins before sunrise and ends late.",
    "An hour here feels shorter than anywhere else.",
    "Small details make the biggest difference.",
    "Our neighbours recommended it to us last spring.",
    "Friends of mine have visited from far away.",
    "Patience is more useful here than strength.",
    "Without the volunteers very little would happen.",
    "Some evenings end with a long talk about the past.",
    "Whoever comes back is greeted by name.",
    "Nothing is as simple as it seems from outside.",
    "Learning the basics takes only a few days.",
    "Silence has a value of its own in such moments.",
    "Plans for the future are being discussed with care.",
    "Many hands are needed to keep everything in order.",
    "Perhaps that explains why it remains so popular.",
)
# With a word in each; the first are for words that have to occur, the others for placeholders.
WITH_WORD = (
    "Look for the {} when you arrive.",
    "Someone will tell you all about the {} there.",
    "Nothing would be the same without the {} of course.",
    "Remember the {} and you will understand.",
    "People often stop and talk about the {} for a while.",
    "At the end of the day only the {} is left.",
    "Somebody explained the {} to us in great detail.",
    "All the talk about the {} made me curious.",
)
WITH_PLACEHOLDER = (
    "Please write to [name] for more information.",
    "You can find everything at [address] in the old town.",
    "The next tour begins on [date] in any weather.",
    "Entry is free for members of [association] and their families.",
    "Call [number] if you have lost something.",
)
STARTERS = ("sometimes", "today", "often", "usually", "meanwhile", "yesterday", "perhaps", "tomorrow", "still", "again")
STARTED = "{} there was something that surprised us."
ENDINGS = (
    "That is all for today.",
    "See you there soon.",
    "I hope this helps you.",
    "Tell me what you think.",
    "Now it is your turn.",
    "Thank you for reading this.",
    "What would you do?",
    "And so it goes on.",
    "Let us meet again.",
    "Have a wonderful day!",
)
POSTSCRIPTS = ("Take a friend with you.", "It is worth the trip.", "Do not forget your camera.", "Come early.")
