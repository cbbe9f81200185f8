"""Whether a word can be a form of a verb: a table of common verbs, their regular endings, and irregular forms."""

from __future__ import annotations

_BASE = frozenset(
    """abandon absorb accelerate accept access accompany accomplish account achieve acknowledge acquire act
    activate adapt add address adjust admire admit adopt advance advise advocate affect affirm agree aim align
    allocate allow alter amplify analyse analyze anchor announce answer anticipate apologise apologize appear apply
    appoint appreciate approach approve argue arrange arrive ascend ask aspire assemble assert assess assign assist
    associate assume assure attach attempt attend attract audit avoid bake balance bask bathe beat become beg begin
    behold believe belong bend bind bite blaze blend block bloom blow boast boil boost borrow bounce bow break
    breathe bring broaden browse brush build burn burst bury buy calculate call calm capture care carry carve cast
    catch cause celebrate challenge change charge chart chase check cheer cherish choose circle cite claim clarify
    clean clear cleanse click climb cling close coat collaborate collect color colour combine come comfort command
    comment commit communicate compare compete compile complete compose compress compute conceive concentrate
    conclude conduct confirm confront connect consider consist construct consult consume contact contain
    contemplate continue contrast contribute control convert convey convince cook cooperate coordinate copy correct
    count cover crack craft crash crawl create cross crush cry cultivate cut dance dare dash deal debate decide
    declare decline decorate decrease dedicate deepen define delay delegate delete delight deliver delve demand
    demonstrate deny depart depend depict deploy derive descend describe deserve design desire destroy detail
    detect determine develop devise devour die differ dig diminish dine direct disagree disappear discover discuss
    display dissolve distinguish distribute dive divide do document dominate donate doubt download draft drag drain
    draw dream dress drift drill drink drive drop dry dwell earn ease eat echo edit educate elaborate elevate
    eliminate embark embed embody embrace emerge emphasise emphasize employ empower enable encounter encourage end
    endure enforce engage enhance enjoy enrich ensure enter entertain envision equip escape establish estimate
    evaluate evoke evolve examine excel exchange excite execute exercise exhibit exist expand expect experience
    experiment explain explode explore export expose express extend extract face facilitate fail fall fasten favor
    favour fear feature feed feel fetch fight figure fill filter find finish fit fix flash flee flip float flood
    flow fly focus fold follow force forecast forge forget forgive form formulate foster free freeze fry fulfil
    fulfill function fuse gain gather gaze generate get give glance gleam glide glimpse glow go govern grab grant
    grasp greet grind grip grow guard guess guide handle hang happen harness harvest hate have head heal hear heat
    help hesitate hide highlight hike hire hit hold honor honour hop hope host hunt hurry identify ignite ignore
    illuminate illustrate imagine implement imply import improve include incorporate increase indicate influence
    inform ingest inhabit initiate inject innovate insert inspect inspire install instruct integrate intend
    interact interpret introduce invent invest investigate invite involve isolate join journey judge jump justify
    keep kick kill kindle kiss knead kneel knit knock know label lack land laugh launch lay lead leap learn leave
    lend let leverage lie lift light limit line linger link list listen live load locate lock log long look loop
    lose love lower lure maintain make manage manipulate map march mark marry master match maximise maximize mean
    measure meditate meet melt memorise memorize mention merge minimise minimize miss mix model modify monitor
    motivate mount move multiply name narrate navigate need negotiate nestle note notice nurture obey observe
    obtain occur offer open operate oppose optimise optimize order organise organize originate outline overcome
    overlook own pack paint park participate partner pass paste pause pay peel perceive perform permit persist
    persuade pick pierce place plan plant play plead please plot plug plunge point polish ponder pose position
    possess pour practice practise praise pray preach predict prefer prepare present preserve press pretend prevent
    print prioritise prioritize proceed process produce program project promise promote propose protect prove
    provide publish pull pulse pump purchase pursue push put question quit quote race raise reach react read
    realise realize recall receive recite recognise recognize recommend reconsider record recover recycle reduce
    refer refine reflect refresh refuse regard register regulate reinforce reject relate relax release rely remain
    remember remind remove render renew rent repair repeat replace reply report represent request require rescue
    research resemble reserve resist resolve respect respond rest restore restrict result resume retain retrieve
    return reveal reverse review revise revisit revive reward rewrite ride ring rise risk roam roll rotate row rub
    run rush sail save savor savour say scan scatter schedule scrape scream search secure see seek seem select sell
    send sense separate serve set settle shake shape share sharpen shift shine ship shoot shop shout show shrink
    shut sigh sign signal simmer simplify sing sip sit skip slay sleep slice slide slip smash smell smile smoke
    soak soar solve sort sound sow span spark speak specify spend spin spot spread spring sprinkle squeeze stack
    stand stare start state stay steal steer step stick stimulate stir stop store strengthen stretch strike strive
    structure struggle study submit succeed suffer suggest suit summarise summarize support suppose surf surround
    survive suspect sustain swallow sweep swim swing switch symbolise symbolize synthesise synthesize tackle tailor
    take talk tap target taste teach tear tell tend test thank think thrive throw tie tighten touch tour trace
    track trade train transcend transfer transform translate transport travel traverse treat trim trust try tuck
    tune turn twist type uncover undergo understand undertake unfold unify unite unleash unlock unpack unravel
    unveil update upgrade uphold upload urge use utilise utilize validate value vanish vary venture verify view
    visit visualise visualize volunteer vote wait wake walk wander want warm warn wash waste watch water wave
    weaken wear weave weep weigh welcome wet whirr whisk whisper widen win wipe wish withdraw witness wonder work
    worry wrap write yearn yell yield zoom""".split()
)

_IRREGULAR = frozenset(
    """am are ate be became been began begun being bent bit bitten blew blown bore born bought bound broke broken
    brought built burnt came can caught chose chosen clung could crept did does done dealt drawn dreamt drank drew
    driven drove drunk dug eaten fallen fed fell felt flew flown forbidden forgot forgotten forgave forgiven fought
    found froze frozen gave given gone got gotten grew grown had has heard held hid hidden hung is kept knelt knew
    known laid lain led left lent lit lost made may met meant might must paid proven ran rang read risen rode rose
    rung said sang sat saw seen sent shall shaken shone shook shot should shown shrank slept slid sold sought sown
    spent spoke spoken sprang spun stolen stood stole stuck struck sung sunk swept swore sworn swam swum swung
    taken taught thought threw thrown told took tore torn understood was went were wept will woke woken won wore
    worn would wove woven written wrote""".split()
)

_NOT_PARTICIPLES = (
    frozenset(
        """anything bring ceiling during evening everything king morning nothing notwithstanding offspring outing ping
    ring sibling sing sling something spring sting string swing thing viking wing wedding awning darling duckling
    earring gosling herring sterling pudding lightning inning""".split()
    )
    - _BASE
)

_CLIPPED = frozenset("isn aren wasn weren don doesn didn hasn haven hadn won wouldn can couldn shouldn mustn".split())


def is_verb_form(word: str) -> bool:
    """Whether a word can be a verb: in its base form, with an ending, irregular, or with `n't`.

    Example:
        >>> [is_verb_form(word) for word in ("Consider", "running", "tried", "Don't", "Paris", "thing")]
        [True, True, True, True, False, False]
    """
    lowered = word.lower().replace("’", "'")
    stem, _, clitic = lowered.partition("'")
    if clitic == "t":
        return stem in _CLIPPED
    if clitic:
        return lowered == "let's"
    if lowered in _BASE or lowered in _IRREGULAR:
        return True
    if lowered.endswith("ing") and len(lowered) > 4 and lowered not in _NOT_PARTICIPLES:
        return any(letter in "aeiouy" for letter in lowered[:-3])
    if lowered.endswith(("ize", "ify")) and len(lowered) > 5:
        return True
    return any(stem in _BASE for stem in _stems(lowered))


def _stems(word: str) -> list[str]:
    found = []
    if word.endswith("s"):
        found += [word[:-1], word[:-2] if word.endswith("es") else "", word[:-3] + "y" if word.endswith("ies") else ""]
    if word.endswith("ed"):
        base = word[:-2]
        found += [base, word[:-1], word[:-3] + "y" if word.endswith("ied") else ""]
        found += [base[:-1]] if base[-1:] == base[-2:-1] else []
    return found
