"""Common English words of four, five and six letters, written for this project.

Words that a player of agreeing guesses does not find in six of them (`light`, `might`, `night`, …) are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

_FOUR = """
able acid acre aged also arch area army atom aunt avid away axis baby back bake bald ball balm band bang bank bare
bark barn base bath bead beak beam bean bear beat beef been beer bell belt bend best bike bind bird bite blue blur
boat body boil bold bolt bomb bond bone book boom boot bore born boss both bowl brag bran brew brim buck bulb bulk
bull burn bush busy cafe cage cake calf call calm came camp card care cart cash cast cell chat chef chew chin chip
chop city clad clam clan clap clip club clue coal coat code coil coin cold colt comb come cone cook cool cope copy
cord core cork corn cost cozy crab crew crop crow cube cure curl dame damp dark dart dash data date dawn days dead
deaf deal dear debt deck deed deep deer deny desk dial dice diet dime dirt dish disk dive dock does doll dome done
door dose dove down drag draw drip drop drum dual duck duel duke dull dumb dune dusk dust duty each earn ease east
easy echo edge edit else envy epic even ever evil exam exit face fact fade fail fair fake fall fame farm fast fate
fear feat feed feel feet fell felt fern feud file fill film find fine fire firm fish fist five flag flap flat flaw
flea fled flee flew flip flow foam foil fold folk fond food fool foot fork form fort four fowl free frog from fuel
full fume fund fuse gain gala gale game gang gate gave gear germ gift girl glad glow glue goal goat gold golf gone
good gown grab gram gray grew grid grim grin grip grow gulf gust hair half hall halt hand hang hard hare harm harp
haul hawk head heal heap heat heel held helm help herb herd here hero hide high hike hill hint hire hive hole holy
home hood hoof hope horn hose host hour huge hull hump hunt hurt hush hymn icon idea idle idol inch into iris iron
isle item jail jazz join jolt jump junk jury keen keep kept kick kind king kite knee knew knit knob knot know lace
lack lady lake lamb lamp land lark last late lava lawn lead leaf leak lean leap left lend lens less liar lick lift
lily limb lime limp line link lion list live load loaf loan lock loft logo long look loop lord lose loss lost loud
love luck lump lung lure lurk lush made maid mail main make male mall malt many mare mark mask mass mast math maze
meal mean meat meet melt memo mend menu mesh mild mile milk mill mind mine mint miss mist mode mole monk mood moon
more moss most moth move much mule muse must mute myth nail navy neck need nest news next nice nine node noon norm
nose note oath obey odor omen once only open oval oven over pace pack page paid pain pair pale palm park part pass
past path peak peel peer pest pick pier pile pill pink pint plan play plea plot plow plum poem poet pole poll polo
pond pony pool poor pork port post pour pray prey pulp pump pure push quit quiz race rack raft rage raid rain ramp
rank rare read reap rear reed reef rely rent rest rice rich ride ring riot ripe rise risk road roam roar robe rock
role roll roof room root rope rose ruby rude ruin rule sack safe sage said salt same sand scan scar seal seam seat
seed seek seem self sell send shed ship shoe shop shot show shut sick side sigh sign silk sing sink site skin skip
slam sled slid slim slip slot slow slug snap snow soak soap soar sock soda sofa soft soil sole some song soon sore
sort soul soup sour span spin spot spur stab star stay stem step stew stir stop such suit sure surf swan swap swim
take tale talk tank tape task taxi team tent term text than that thaw then they thin this thud tick tidy tile till
tilt time tiny tire toad told tomb tool torn toss tour town trap tray tree trek trim trip true tube tuna tune turf
turn twig twin type ugly unit upon urge used user vary veil vein vent verb very view visa void vote wade wait want
ward warm warn wary wash wasp weak week what when whip whom wife wild wing wish with wolf wool word worm wrap yard
yarn yoga yolk
"""

_FIVE = """
about above actor acute admit adopt adult after again agent agile agree ahead alarm album alert alien align alike
alive allow alloy alone along aloud alpha alter amber amend amino among ample amuse angel anger angle angry ankle
annoy apart apple apply apron arena argue arise armor aroma array arrow ashen aside asset atlas attic audio audit
avoid await awake award aware awful awoke axiom bacon badge badly bagel baker balmy banjo barge baron basic basil
basin basis batch bathe baton beach beard beast began begin begun being belly below bench berry birch birth bison
black blade blame bland blank blare blast blaze bleak bleat blend bless blimp blind blink bliss block bloke blond
bloom blown blues bluff blunt blurb blush board boast bonus boost booth bored borne bosom bough bound bowel brace
braid brain brake brand brass brave bravo bread break breed briar brick bride brief brine bring brink brisk broad
broil broke brook broom broth brown brush brute buddy budge build built bulge bulky bunch bunny burly burnt burst
bushy cabin cable cacao cache cadet camel cameo canal candy canoe canon caper cargo carol carry carve caste catch
cater cause cavil cease cedar chain chair chalk champ chant chaos charm chart chase cheap cheat check cheek cheer
chess chest chick chief child chill chime chirp choir choke chord chore chose chunk churn cider cigar cinch circa
civic civil claim clamp clang clash clasp class clean clear cleat cleft clerk click cliff climb cling cloak clock
clone close cloth cloud clout clove clown cluck clump coach coast cobra cocoa colon color comet comfy comic comma
coral couch cough could count court cover covet crack craft cramp crane crank crash crate crave crawl craze crazy
creak cream creed creek creep crepe crest crime crimp crisp croak crock crook cross crowd crown crude cruel crumb
crush crust crypt cubic curio curly curry curse curve cycle cynic daily dairy daisy dance datum dealt debit debut
decal decay decor decoy deity delay delta delve dense depot depth derby detox deuce devil diary digit diner dirty
disco ditch ditto dizzy dodge doing donor doubt dough dowel dozen draft drain drake drama drank drape drawl drawn
dread dream dress dried drift drill drink drive droll drone drool droop drove drown druid drums drunk dryer duchy
dunce dusty dwarf dwell eager eagle early earth easel eaten eater ebony edict eerie eight eject elate elbow elder
elect elegy elfin elite elope elude email ember empty enact endow enemy enjoy ennui ensue enter entry envoy epoch
equal equip erase erode error erupt essay ether ethic evade event every evict exact exalt exams excel exert exile
exist extra exult fable facet faint fairy faith false fancy farce fatal fault favor feast feign fence ferry fetch
fever fewer fiber field fiend fiery fifth fifty fight filly filmy filth final finch first fishy fixed fizzy fjord
flair flake flame flank flare flash flask fleet flesh flick fling flint flirt float flock flood floor flora flour
flown fluff fluid fluke flung flush flute focal focus foggy folly force forge forgo forte forth forty forum found
foyer frail frame frank fraud freak fresh friar fried frill frisk frock frond front frost froth frown froze fruit
fudge fully fungi funky funny furry fussy fuzzy gamma gauge gaunt gauze gavel geese genie genre ghost giant giddy
given giver gland glare glass glaze gleam glean glide glint gloat globe gloom glory gloss glove gnome going goose
gorge gouge gourd grace grade graft grain grand grant grape graph grasp grass grate grave gravy great greed green
greet grief grill grime grind groan groom grope gross group grout grove growl gruel gruff grunt guard guess guest
guide guild guilt guise gulch gully gusto gusty habit hairy halve handy happy hardy harsh haste hasty hatch haunt
haven havoc hazel heady heard heart heath heavy hedge hefty heist hello hence heron hinge hippo hoard hobby hoist
holly homer honey honor horde horse hotel hound house hover human humid humor hunch hurry husky hutch hydra hyena
hyper icing ideal idiom igloo image imply inane inbox incur index inept inert infer ingot inlet inner input inter
irate irony issue itchy ivory jaunt jelly jetty jewel joint joker jolly joust judge juice juicy jumbo jumpy juror
kayak kebab khaki kiosk knack knead kneel knelt knife knock knoll known koala label labor lance lapel lapse large
larva laser lasso latch later lathe laugh layer leafy leaky learn lease leash least leave ledge legal lemon level
lever light lilac limbo limit linen liner lingo liver llama loath lobby local lodge lofty logic loose lorry loser
lotus lousy lower loyal lucid lucky lumen lunar lunch lunge lurch lyric macho macro madam magic magma maize major
maker mango mania manor maple march marry marsh mason match mauve maxim maybe mayor medal media medic melon mercy
merge merit merry metal meter metro micro midst might mimic mince miner minor minty minus mirth miser misty mixed
mixer model modem moist molar money month moody moose moral motel motif motor motto mound mount mourn mouse mouth
movie mower mucky muddy mulch mural murky mushy music musky naive nanny nasal nasty naval navel needy nerve never
newer newly nicer niche niece night ninth noble noise noisy nomad north notch novel nudge nurse nutty nylon nymph
oaken oasis occur ocean octet offer often olive omega onion onset opera optic orbit order organ other otter ought
ounce outdo outer ovary ovate overt owing owner oxide ozone paddy paint panel panic pansy paper parch party pasta
paste patio pause peace peach pearl pecan pedal penny perch peril perky pesky petal petty phase phone photo piano
picky piece piety pilot pinch pinky pitch pivot pixel pizza place plaid plain plane plank plant plate plaza plead
pleat plied pluck plumb plume plump plush poach point poise poker polar polka polyp poppy porch pouch power prank
prawn press price prick pride prime prink print prior prism prize probe prone prong proof prose proud prowl proxy
prune psalm pulse punch pupil puppy puree purge purse pushy putty pygmy quack quail quake qualm quart quasi queen
query quest queue quick quiet quill quilt quirk quite quota quote rabbi radar radio rainy raise rally ranch range
rapid ratio raven razor reach react ready realm rebel recap refer regal reign relax relay relic remit renew repay
repel reply rerun reset resin retro rhino rhyme rider ridge rifle right rigid rinse ripen risen risky rival river
roast robin robot rocky rodeo rogue roomy roost rotor rouge rough round rouse route rover royal rugby ruler rumba
rumor rural rusty sadly saint salad salon salsa salty salve sandy satin sauce sauna savor savvy scald scale scalp
scamp scant scare scarf scary scene scent scold scone scoop scope score scorn scout scowl scrap screw scrub seize
sense serum serve setup seven sever shade shady shaft shake shaky shale shall shame shard shark sharp shawl sheen
sheep sheer sheet shelf shell shift shine shiny shire shirk shirt shoal shock shone shook shore short shout shove
shown showy shred shrub shrug shunt siege sieve sight silky silly since siren sixth sixty skate skier skill skimp
skirt skull skunk slack slang slant slate sleek sleep sleet slept slice slick slide slime slimy sling slope sloth
slump small smart smash smear smell smelt smile smirk smith smoke smoky snack snail snake snare snarl sneak sneer
sniff snore snort snout snowy soapy soggy solar solid solve sonar sonic sorry sound south space spade spare spark
spasm spawn speak spear speck speed spell spend spice spicy spike spill spine spire spite split spoil spoke spoon
sport spout spray spree sprig spurn spurt squad squat squid stack staff stage stain stair stake stale stalk stall
stamp stand stare stark start state stave steak steal steam steel steep steer stern stick stiff still sting stint
stock stoic stole stone stony stood stool stoop store stork storm story stout stove strap straw stray strip strut
stuck study stuff stump stung stunt style suave sugar suite sulky sunny super surge surly sushi swamp swarm swear
sweat sweep sweet swell swept swift swine swing swirl swish sword swore swung syrup table taboo tacit tacky taken
talon tango tangy taper tapir tardy tarot taste tasty taunt tawny teach tease teeth tempo tenor tense tenth tepid
terse thank theft their theme there these thick thief thigh thing think third thorn those three threw throb throw
thrum thumb thump tidal tiger tight tilde timer timid tipsy titan title toast today token tonic tooth topaz topic
torch torso total totem touch tough towel tower toxic trace track tract trade trail train trait tramp trash trawl
tread treat trend trial tribe trick trill tripe trite troll troop trout trove truce truck truly trump trunk trust
truth tuber tulip tumor tunic turbo tutor twang tweak tweed twice twine twirl twist udder ulcer ultra umbra uncle
under undid undue unfed unfit unify union unite unity unlit until upper upset urban usage usher using usual utter
vague valet valid valor value valve vapor vault vegan venom venue verge verse vicar video vigil vigor villa vinyl
viola viper viral virus visit visor vital vivid vocal vodka vogue voice vouch vowel wacky wafer wagon waist waive
waltz waste water waver weary weave wedge weigh weird whale wharf wheat wheel where which while whine whirl whisk
white whole whose widen wider widow width wield windy wiser witch witty woken woman women world worry worse worst
worth would woven wrath wreak wreck wrest wring wrist write wrong wrote wrung yacht yearn yeast yield yodel young
youth yummy zebra zesty
"""

_SIX = """
abacus absent absorb accept access accuse across acting action active actual advice advise aerial affair affect afford
afraid agency agenda almond almost always amount anchor animal answer anthem anyone anyway appeal appear arcade arctic
around arrive artist asleep aspect assert assign assist assume attach attack attend august autumn avenue ballad ballot
bamboo banana banner barber barley barrel basket battle beacon beaker beauty became become before behalf behave behind
belief belong better beyond bishop bitter boiler bonnet border borrow bottle bottom bounce bouncy branch breath breeze
bridge bright broken bronze bubble bucket budget buffet bundle burden bureau butter button camera campus cancel candle
canvas canyon carbon career carpet carrot castle casual cattle caught cement census center cereal chance change chapel
charge cheese cherry choice choose chorus chrome circle circus clever client closet clumsy cobalt coffee collar colony
column combat comedy commit common comply copper corner cosmic cotton couple course cousin create credit cringe crisis
critic cruise crunch custom dagger damage dancer danger daring debate decade decent decide defeat defend define degree
delete demand denial depart depend deputy desert design desire detail detect device devote differ digest dinner direct
divide doctor dollar domain donkey double dragon drawer driven driver during easily eating editor effect effort eighth
either eleven emerge empire employ enable endure energy engage engine enough ensure entire entity equity escape estate
ethnic evolve exceed except excite excuse expand expect expert export extend fabric facade factor fairly fallen family
famous farmer father faucet fellow female fiddle figure filter finger finish fiscal flavor flight flower flying follow
forbid forest forget formal format former fossil foster fought fourth freeze frenzy friend frozen future gadget galaxy
gallon gamble garage garden garlic gather gentle gifted giggle ginger glance global glossy gopher gospel gossip govern
grocer ground growth guitar gutter hammer handle happen harbor hardly hazard health heaven height helmet hidden hockey
hollow honest horror humble hunger hungry hunter hybrid ignore immune impact import impose income indeed indoor inform
injure injury insect inside insist intact invent invest invite island itself jacket jersey jigsaw jingle jockey jumble
jungle junior kernel kettle kidney kindly kitten ladder lagoon laptop latest launch lawyer layout leader league legacy
legend length lesson letter likely liquid listen litter little lively lizard locate lonely lounge lovely lumber luxury
magnet mainly manage manner marble margin marine market master matter meadow medium melody member memory mental mentor
merely method middle mighty minute mirror misery mobile modern modest modify moment monkey mosaic mostly mother motion
murmur muscle museum mutual myself mystic napkin narrow nation native nature nearby nearly needle nephew nickel nobody
normal notice notion number object obtain occupy office online option orange orchid origin outfit output oxygen oyster
packet palace parade parent parrot partly patent patrol patron pebble pencil people pepper period permit person phrase
pickle picnic pigeon pillar pillow pirate planet player plenty pocket poetry poison police policy polish polite ponder
potato powder praise prayer prefer pretty priest prince prison profit prompt proper public puddle pulley puppet purple
pursue puzzle rabbit racket radish random rarely rather rattle reason recall recent recipe record reduce reform refuse
regard regime region reject relate relief remain remedy remind remote remove repair repeat report rescue resist resort
result retail retain retire return reveal review reward rhythm ribbon riddle ripple ritual robust rocket rotate rubber
runner sacred saddle safety salmon sample savage scheme school screen script search season second secret sector secure
select senior series settle severe shadow shaped shield shiver should shovel shower shrimp shrink signal silent silver
simple singer single sister sketch slogan smooth snatch soccer social socket soften solemn source speech sphere spider
spiral spirit splash spread spring square squash stable statue steady stereo sticky strain strand stream street stress
strict strike string stroll strong studio submit subtle sudden suffer summer summit sunset supply surely survey switch
symbol syntax system tablet tackle talent target temple tenant tender tennis theory thirst thirty thread threat thrive
throne ticket timber tissue toggle tomato tongue topple toward travel treaty tricky triple trophy tunnel turkey turtle
twelve twenty unfair unique united unless unlike update upward useful vacuum valley vanish velvet vendor verify versus
vessel victim violet violin virtue vision visual volume voyage waffle walnut wander wealth weapon weekly weight widely
willow window winner winter wisdom within wizard wonder wooden worker worthy writer yellow zipper
"""

WORDS: Mapping[int, tuple[str, ...]] = {
    length: tuple(text.split()) for length, text in ((4, _FOUR), (5, _FIVE), (6, _SIX))
}
