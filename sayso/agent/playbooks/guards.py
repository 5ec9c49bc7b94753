"""What stops a playbook: words that mean a message is not a plain request of its writer.

Each guard answers with a reason for the person who takes over, or with nothing. They are blunt on
purpose: a message that is stopped here goes to the next planner or to a person, and nobody is hurt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_CHARS = 1_200
"""A longer letter is nothing for sentence rules."""


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


_ACTIONS = r"(?:refund|cancel|credit)"
_DONE_WORDS = r"(?:refunded|cancel+ed|credited|reimbursed)"
_PEOPLE = (
    r"(?:sister|brother|mother|father|mom|mum|dad|wife|husband|friend|colleague|neighbou?r|boss|"
    r"son|daughter|partner|client|customer|girlfriend|boyfriend|flatmate|roommate|parents?|"
    r"grandm\w+|grandf\w+|uncle|aunt|cousin|assistant|secretary|kids?|child|children)"
)
_INJECTION = _any(
    r"\b(?:ignore|disregard|forget|override|bypass)\b[^.!?\n]{0,40}\b(?:instruction|rule|polic|"
    r"prompt|previous|above|prior|limit|check|guard|approval)",
    r"(?:^|\n|[\[<(*#`])\s*/?(?:system|assistant|developer|admin|tool|inst)\b\s*[\]>:*)#]",
    r"\b(?:system|developer|admin)\s*(?:prompt|message|override|mode|note)\b",
    r"\b(?:system|assistant)\s*:",
    r"<[|/]?\w+\|?>|```|[{}]",
    r"\bjailbreak|\byou are now\b|\bact as\b|\bpretend\b|\bnew (?:instruction|rule|polic)",
    r"\b(?:policy|approval)s? (?:is|are|was|has been) (?:disabled|off|not needed|waived|granted)",
    r"\bno (?:\w+ )?approval\b|\byou are an? (?:\w+ )?(?:bot|ai|assistant|agent)\b",
    r"\b(?:pre-?|un|auto-?|self-?)?approved?\b|\bwithout (?:asking|approval)",
    r"\b(?:charge|subscription|order)#[0-9]|\b[a-z]+\.[a-z]+_?[a-z]*\(",
    r"\bi am (?:the|your|a|an) (?:\w+ )?(?:manager|admin|developer|ceo|cfo|owner|supervisor|"
    r"engineer|employee|agent)\b",
    r"\b(?:manager|supervisor|boss|ceo) (?:said|says|told)",
)
_OTHERS = _any(
    rf"\b(?:my|his|her|their|our|a|the|\w+'s) {_PEOPLE}\b(?! for\b)",
    r"\b(?:writing|acting) for\b",
    r"\bon behalf of\b|\bsome(?:one|body) else",
    r"\b(?:another|other) (?:customer|person|account|user)",
    r"\b(?:all|every|each) (?:customers?|users?|accounts?|orders?|charges?)\b",
    r"\b(?:his|her|their) (?:order|account|card|subscription|charge|refund|payment)",
    r"\b(?:different|another|new|other) (?:bank|card|account|paypal|iban)\b",
    r"\bcard\b[^.!?]{0,20}\b(?:closed|expired|replaced|lost|blocked)\b",
    r"\bto (?:my|the|this|a) (?:bank|paypal|iban|bitcoin|crypto|wallet|other|new|friend)",
    r"\b[\w.+-]+@[\w-]+\.\w+|https?://|\biban\b|\bcus_",
)
_QUESTION = _any(
    r"(?:^|[.!?;\n]\s*)(?:(?:hi|hello|hey|ok|okay|please|sorry|tell me|just|well|so|and|but)\W+)*"
    r"(?:where|why|how|who|whom|whose|which|when(?! (?:i|it|the|my|they|we)\b)"
    rf"|what(?! (?:a|i|we)\b)|did|do(?! (?:please|{_ACTIONS})\b)|does|has|have|is|are|was|were"
    r"|will|should|am i|shall)(?:n't|'s|'re)?\b(?! (?:not|need|you dare)\b)",
    r"(?:,\s*|\b(?:and|but|so|also|or|then)\s+)(?:where|why|how|who|what|(?:did|do|have|are|will) "
    r"(?:you|they|i|we)|(?:does|is|has|will|was) (?:it|there|this|that|my|the))\b",
    r"\b(?:how|where|when|whether|which|why) (?:do|does|did|to|can|could|would|should|is|are|i|my"
    r"|long|much|many|about)\b",
    r"\bwhat (?:do|does|did|to|can|could|would|should|is|are|about|kind)\b",
    r"\bi (?:wonder|was wondering|would like to know|want to know|need to know)\b|\bwondering\b",
    r"\bany (?:news|update|idea)|\bis it (?:possible|true|ok|allowed)",
    r"\b(?:question|info|information|details|policy|policies) (?:about|on|for|regarding)",
    r"\bam i (?:eligible|able|entitled|allowed)|\bguarantees?\b",
    r"\b(?:can|could|would) you (?:please )?(?:tell|explain|confirm|check|say|let me know|clarify|"
    r"show|describe|look into|inform)\b|\bcan i (?:check|see|know|ask|cancel any|still)\b",
    r"\b(?:what|which|in|under)(?: \w+)? (?:circumstance|case|situation|condition)s?\b",
    r"\b(?:see|check|know|learn|understand|tell me|find out) (?:if|whether|in|about|the|your|what|"
    r"how|when)\b",
)
_CONDITION = _any(
    r"\bif\b(?! (?:you |it is |it's )?(?:could|can|would|possible|at all))",
    r"\bwhen(?:ever)? (?:it|the|they|you)\b(?! (?:\w+ )?(?:ends|runs out|expires)\b)",
    r"\b(?:as soon as|once|after|until) (?:it|the|they|you)\b",
    r"\bunless\b|\bin case\b|\botherwise\b|\bor else\b|\beither\b|\bsuppose\b",
    r"\bmaybe\b|\bperhaps\b|\bthinking (?:of|about)\b|\bconsidering\b|\bmight\b|\bprobably\b",
    r"\bhypothetical\w*\b|\bjust a test\b|\btest(?:ing)? (?:the|this|your)\b",
    r"\bnot sure\b|\bby the way\b|\bnext (?:week|month|year)\b|\btomorrow\b",
)
_DONE = _any(
    r"\b(?:already|previously|yesterday|last week|last month) (?:been )?(?:refunded|cancel|"
    r"credited|requested|asked|received|got)",
    r"\b(?:you|they|someone|has|have|was|were|been|got|is|are|being) (?:already |just |been |not )*"
    rf"{_DONE_WORDS}\b",
    r"\b(?:thanks|thank you)(?: so much| very much)? for (?:(?:the|my|your) )?(?:\w+ )?"
    r"(?:refund|cancel|credit|apolog|sending|giving|money)",
    r"\b(?:refund|cancell?ation|credit)\b[^.!?,]{0,12}\b(?:arrived|came|received|showing|show up|"
    r"pending|status|processed|went through|missing|policy|fee|fees|terms|rejected|denied|declined|"
    r"failed|confirmation|request|amount was|was|has|hasn't|did|didn't|is|still|yet)\b",
    r"\b(?:waiting|waited|wait|expect|expecting|status of|track|tracking|"
    r"(?<!to )(?<!i )received?|got|about|confirm\w*|update on|missing|chasing|promised|check)\b"
    r"[^.!?,]{0,12}\b(?:refund|cancell?ation|credit|reimbursement|money back)\b|\bstill waiting\b",
    r"\b(?<!can )(?<!could )(?<!may )i (?:have received|received|have) (?:a|the|my) "
    r"(?:refund|credit)\b",
    r"\bi (?:requested|asked for|applied for) (?:a |the |my )?(?:refund|cancel|credit)",
    r"\b(?:haven't|have not|didn't|did not|never) (?:yet )?(?:received?|got|gotten|get|seen?) "
    r"(?:my|the|a|any) (?:refund|money|credit|cancel)",
)
_LIMIT = _any(
    r"\b(?:only|except|excluding|apart from|other than|all but|everything but|minus)\b",
)
_FORWARDED = re.compile(
    r"^\s*(?:from|to|cc|subject|re|fwd?|sent|date|me|you|agent|customer|support|bot|user)\s?:"
    r"|^.*\b(?:wrote|message)\s?:|^-{2,}",
    re.IGNORECASE | re.MULTILINE,
)
_THREAT = _any(
    r"\b(?:lawyer|attorney|solicitor|sue|suing|court|legal action|police|fraud\w*|scam\w*|stolen|"
    r"chargeback|charge back|dispute|hacked|unauthori[sz]ed|not authori[sz]\w*|kill|bomb|suicide|"
    r"ombudsman|gdpr|not mine)\b",
    r"\b(?:never|did(?:n't| not)) (?:order(?:ed)?|place[d]?|buy|bought|make|made)\b",
)
_RETHINK = _any(
    r"\bchanged my mind\b[^.!?]{0,20}\bkeep\b|\bkeep (?:it|my|the)\b|\bhold off\b",
    r"\bno need\b|\bnever ?mind\b|\binstead\b|\brather than\b|\bforget (?:it|about)\b",
    r"\breplacement\b|\bexchange\b|\breactivate\b|\bundo\b|\bresume\b|\bre-?subscribe\b",
    r"\brenew (?:it|my|the)\b|\bnot (?:yet|anymore needed)\b|\b(?:kidding|joking|joke|prefer)\b",
    r"\b(?:it|this|that|which|all) (?:is|was)(?: all)? (?:correct|right|ok|okay|fine|good|"
    r"intended)\b",
)
_QUOTED = re.compile(
    r'"[^"]*"|“[^”]*”|«[^»]*»|„[^“”]*[“”]|(?<!\w)\'[^\']{12,}\'(?!\w)|^\s*>.*$', re.MULTILINE
)
_NEGATOR = re.compile(
    r"\b(?:not|never|no|without|dont|cannot|\w+n't"
    r"|stop|avoid|refuse|against|nor|neither|decline|hate)\b",
    re.IGNORECASE,
)
_LIMITER = re.compile(r"\b(?:not|never|no|without|except|nor|\w+n't)\b", re.IGNORECASE)
_FRESH = re.compile(
    r"[,.;:!?\n]|\b(?:so|and|therefore|because|but|hence|please|i want|i'd like)\b", re.IGNORECASE
)
_ENGLISH = frozenset(
    "the a an i you my me it is to for of and on in please want would like this that was with your "
    "can could need have not get give back be at from just refund cancel order subscription "
    "hi hello thanks".split()
)
_FOREIGN = frozenset(
    "ich nicht und bitte der die das mein meine zurück je ne pas vous mon ma le les des un "
    "une el la los por favor mi quiero que una meu minha quero eu por il per mio ho vorrei non "
    "niet ik een het mijn jag vill och".split()
)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def quotes_cut(text: str) -> tuple[str, bool]:
    """The text without quoted parts, and whether there were any: others' words ask nothing."""
    rest = _QUOTED.sub(" ", text)
    return rest, rest != text


def stop_message(text: str) -> str | None:
    """Why no playbook may act on this message at all; None when nothing speaks against it.

    Args:
        text: the normalised message, quoted parts cut.
    """
    if len(text) > MAX_CHARS:
        return f"the message is longer than {MAX_CHARS} characters"
    if not any(letter.isalpha() for letter in text):
        return "the message holds no words"
    if _foreign(text) or any(map(_foreign, sentences_of(text))):
        return "the message is not in English"
    for pattern, reason in (
        (_INJECTION, "the message holds text that reads like an instruction to the machine"),
        (_OTHERS, "the message speaks of somebody else, or of another account or payee"),
        (_FORWARDED, "the message holds an e-mail's head, or what was written before"),
        (_LIMIT, "the message leaves something out of what it asks for"),
        (_THREAT, "the message speaks of a dispute, a crime or a threat"),
        (_RETHINK, "the message asks for something else instead, or takes a wish back"),
        (_DONE, "the message speaks of something that was done or asked for before"),
        (_CONDITION, "the message sets a condition or a later time"),
        (_QUESTION, "the message asks a question, which a playbook cannot answer"),
    ):
        if pattern.search(text):
            return reason
    return None


def negated(text: str, at: int) -> bool:
    """Whether a negation stands at most four words before that position, in the same part."""
    before = text[:at]
    fresh = [match.end() for match in _FRESH.finditer(before)]
    near = " ".join(before[fresh[-1] if fresh else 0 :].split()[-4:])
    return _NEGATOR.search(near) is not None


def limited(text: str, at: int) -> bool:
    """Whether a negation stands after that position: `refund 1042, not 1031` takes something out.

    A slot would read the number beside it as one more that is asked for.
    """
    return _LIMITER.search(text, at) is not None


def sentences_of(text: str) -> Sequence[str]:
    """The sentences of a text; a dot within a number ends none."""
    parts = re.split(r"(?:[!?;\n]|\.(?![0-9]))+", text)
    return [part.strip() for part in parts if part.strip()]


def _foreign(text: str) -> bool:
    words = _WORD.findall(text.lower())
    if not words:
        return False
    strange = sum(not word.isascii() for word in words)
    foreign = sum(word in _FOREIGN for word in words)
    english = sum(word in _ENGLISH for word in words)
    return strange * 4 > len(words) or foreign > english
