"""What stops a playbook: words that mean a message is not a plain request of its writer.

Each guard answers with a reason for the person who takes over, or with nothing. They are blunt on
purpose: a message that is stopped here goes to the next planner or to a person, and nobody is hurt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_CHARS = 1_200
"""A longer letter is nothing for sentence rules."""


def _any(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{words})", re.IGNORECASE)


_INJECTION = _any(
    r"\b(?:ignore|disregard|forget|override|bypass)\b[^.!?\n]{0,40}\b(?:instruction|rule|polic|"
    r"prompt|previous|above|prior|limit|check|guard|approval)"
    r"|(?:^|\n|[\[<(*#`])\s*/?(?:system|assistant|developer|admin|tool|inst)\b\s*[\]>:*)#]"
    r"|\b(?:system|developer|admin)\s*(?:prompt|message|override|mode|note)\b|\bsystem\s*:"
    r"|\bassistant\s*:|<\|?\w+\|?>|```|\bjailbreak|\byou are now\b|\bact as\b|\bpretend\b"
    r"|\bnew (?:instruction|rule|polic)|\b(?:policy|approval)s? (?:is|are|was|has been) "
    r"(?:disabled|off|not needed|waived|granted|given)|\bpre-?approved\b|\balready approved\b"
    r"|\b(?:auto|self)-?approve|\bapprove (?:this|it|the|my)\b|\bwithout (?:asking|approval)"
    r"|\b(?:charge|subscription|order)#[0-9]|\b[a-z]+\.[a-z]+_?[a-z]*\(|[{}]"
    r"|\bi am (?:the|your|a|an) (?:\w+ )?(?:manager|admin|developer|ceo|cfo|owner|supervisor|"
    r"engineer|employee|agent)\b|\b(?:manager|supervisor|boss|ceo) (?:said|says|told|approved)"
)
_OTHERS = _any(
    r"\b(?:my|his|her|their|our|a|the) (?:sister|brother|mother|father|mom|mum|dad|wife|husband|"
    r"friend|colleague|neighbou?r|boss|son|daughter|partner|client|customer|girlfriend|boyfriend|"
    r"flatmate|roommate|parents?|grandm\w+|grandf\w+|uncle|aunt|cousin)\b"
    r"|\bon behalf of\b|\bsomeone else|\bsomebody else|\b(?:another|other) (?:customer|person|"
    r"account|user)|\b(?:all|every|each) (?:customers?|users?|accounts?|orders?|charges?)\b"
    r"|\b(?:his|her|their) (?:order|account|card|subscription|charge|refund|payment)"
    r"|\b(?:different|another|new|other) (?:bank|card|account|paypal|iban)\b"
    r"|\bto (?:my|the|this|a) (?:bank|paypal|iban|bitcoin|crypto|wallet|other|new|friend)"
    r"|\b[\w.+-]+@[\w-]+\.\w+|https?://|\biban\b|\bcus_"
)
_QUESTION = _any(
    r"(?:^|[.!?;\n]\s*)(?:(?:hi|hello|hey|ok|okay|please|sorry|tell me|just|well|so|and|but)\W+)*"
    r"(?:where|why|how|who|whom|whose|which|when(?! (?:i|it|the|my|they|we)\b)|"
    r"what(?! (?:a|i|we)\b)"
    r"|did|do|does|has|have|is|are|was|were|will|should|am i|shall)(?:n't|'s|'re)?\b"
    r"(?! (?:not|need|you dare)\b)"
    r"|(?:,\s*|\b(?:and|but|so|also|or|then)\s+)(?:where|why|how|who|what|(?:did|do|have|are|will) "
    r"(?:you|they|i|we)|(?:does|is|has|will|was) (?:it|there|this|that|my|the))\b"
    r"|\b(?:how|where|what|when|whether|which|why) (?:do|does|did|to|can|could|would|should|is|are|"
    r"i|my|the|long|much|many|about|kind|case|situation)\b|\bi (?:wonder|was wondering|would like "
    r"to know|want to know|need to know)\b|\bwondering\b|\bany (?:news|update|idea)|\bis it "
    r"(?:possible|true|ok|allowed)|\b(?:question|info|information|details|policy|policies) "
    r"(?:about|on|for|regarding)|\bam i (?:eligible|able|entitled|allowed)"
    r"|\b(?:can|could|would) you (?:please )?(?:tell|explain|confirm|check|say|let me know|clarify|"
    r"show|describe|look into|inform)\b|\bcan i (?:check|see|know|ask|cancel any|still)\b"
    r"|\b(?:see|check|know|learn|understand|tell me|find out) (?:if|whether|in|about|the|your|what|"
    r"how|when)\b"
)
_CONDITION = _any(
    r"\bif\b(?! (?:you |it is |it's )?(?:could|can|would|possible|at all))|\bunless\b|\bin case\b"
    r"|\bwhen(?:ever)? (?:it|the|they|you)\b|\bas soon as (?:it|the|they|you)\b|\botherwise\b"
    r"|\bor else\b|\beither\b|\bonce (?:it|the|they|you)\b|\bmaybe\b|\bperhaps\b|\bthinking (?:of|"
    r"about)\b|\bconsidering\b|\bmight\b|\bnot sure\b|\bprobably\b|\bby the way\b|\bsuppose\b"
    r"|\bafter (?:it|the|they|you)\b|\buntil (?:it|the|they|you)\b|\bnext (?:week|month|year)\b"
    r"|\btomorrow\b"
)
_DONE = _any(
    r"\b(?:already|previously|yesterday|last week|last month) (?:been )?(?:refunded|cancel|"
    r"credited|requested|asked|received|got)|\b(?:you|they|someone|has|have|was|were|been|got|is|are|being)"
    r" (?:already |just |been |not )*(?:refunded|cancel+ed|credited|reimbursed)\b"
    r"|\b(?:thanks|thank you)(?: so much| very much)? for (?:the|my|your|refund|cancel|sending|"
    r"giving|crediting)|\b(?:refund|cancell?ation|credit)\b[^.!?,]{0,12}\b(?:arrived|came|received|"
    r"showing|show up|pending|status|processed|went through|missing|late|policy|fee|fees|terms|"
    r"rejected|denied|declined|failed|confirmation|request|amount was|was|has|hasn't|did|didn't|"
    r"is|still|yet)\b"
    r"|\b(?:waiting|waited|wait|expect|expecting|status of|track|tracking|receive[d]?|got|about|"
    r"confirm\w*|update on|missing|chasing|promised|check)\b[^.!?,]{0,12}\b(?:refund|cancell?ation|"
    r"credit|reimbursement|money back)\b|\bi (?:requested|asked for|applied for) (?:a |the |my )?"
    r"(?:refund|cancel|credit)|\b(?:haven't|have not|didn't|did not|never) (?:yet )?(?:received?|"
    r"gotten|got|get|seen?) (?:my|the|a|any) (?:refund|money|credit|cancel)"
)
_THREAT = _any(
    r"\b(?:lawyer|attorney|solicitor|sue|suing|court|legal action|police|fraud\w*|scam\w*|stolen|"
    r"chargeback|charge back|dispute|hacked|unauthori[sz]ed|kill|bomb|suicide|ombudsman|gdpr)\b"
)
_RETHINK = _any(
    r"\bchanged my mind\b[^.!?]{0,20}\bkeep\b|\bkeep (?:it|my|the)\b|\bno need\b|\bnever ?mind\b"
    r"|\binstead\b|\brather than\b|\breplacement\b|\bexchange\b|\breactivate\b|\bundo\b|\bresume\b"
    r"|\brenew (?:it|my|the)\b|\bre-?subscribe\b|\bhold off\b|\bnot (?:yet|anymore needed)\b"
    r"|\bjust kidding\b|\bonly joking\b|\bforget (?:it|about)\b"
)
_QUOTED = re.compile(
    r'"[^"]*"|“[^”]*”|«[^»]*»|„[^“”]*[“”]|(?<!\w)\'[^\']{12,}\'(?!\w)|^\s*>.*$', re.MULTILINE
)
_NEGATOR = re.compile(
    r"\b(?:not|never|no|without|don't|dont|doesn't|didn't|won't|can't|cannot|isn't|wasn't|shouldn't"
    r"|stop|avoid|refuse|against|nor|neither|decline|hate)\b",
    re.IGNORECASE,
)
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
    if _foreign(text):
        return "the message is not in English"
    for pattern, reason in (
        (_INJECTION, "the message holds text that reads like an instruction to the machine"),
        (_OTHERS, "the message speaks of somebody else, or of another account or payee"),
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
