"""The manifest, version 1: what a `connectors/NAME.toml` can say (docs/reference/manifests.md).

Closed: a key that is not here is an error. Data and no language: an address, a body and a header
are templates with placeholders, a read is JMESPath, and that is all.
"""

from sayso.connectors.manifest.schema.action import (
    ActionTable,
    After,
    Amount,
    Arg,
    BoolArg,
    CallTable,
    DateArg,
    EnumArg,
    IntArg,
    Key,
    ListArg,
    LookUp,
    MoneyArg,
    Owner,
    ReceiptTable,
    RefArg,
    TextArg,
)
from sayso.connectors.manifest.schema.answer import AnswerTable, StateRule
from sayso.connectors.manifest.schema.base import MAX_BYTES, AnyPick, Pick, Picks, seconds_of
from sayso.connectors.manifest.schema.connection import (
    HOST,
    Auth,
    BasicAuth,
    BearerAuth,
    ClientCredentialsAuth,
    FromSetting,
    HeaderAuth,
    McpServer,
    MoneyUnit,
    NoAuth,
    OAuthAuth,
    SubjectForm,
)
from sayso.connectors.manifest.schema.desk import (
    AttachmentTable,
    BellTable,
    DeskChanges,
    DeskTable,
    MessageTable,
)
from sayso.connectors.manifest.schema.errors import ErrorRule, ErrorWhen
from sayso.connectors.manifest.schema.manifest import Manifest, Parts, RecordList
from sayso.connectors.manifest.schema.person import (
    CodeSenderTable,
    Contact,
    PersonFind,
    PersonTable,
)
from sayso.connectors.manifest.schema.request import Pagination, Read, RequestTable

__all__ = [
    "HOST",
    "MAX_BYTES",
    "ActionTable",
    "After",
    "Amount",
    "AnswerTable",
    "AnyPick",
    "Arg",
    "AttachmentTable",
    "Auth",
    "BasicAuth",
    "BearerAuth",
    "BellTable",
    "BoolArg",
    "CallTable",
    "ClientCredentialsAuth",
    "CodeSenderTable",
    "Contact",
    "DateArg",
    "DeskChanges",
    "DeskTable",
    "EnumArg",
    "ErrorRule",
    "ErrorWhen",
    "FromSetting",
    "HeaderAuth",
    "IntArg",
    "Key",
    "ListArg",
    "LookUp",
    "Manifest",
    "McpServer",
    "MessageTable",
    "MoneyArg",
    "MoneyUnit",
    "NoAuth",
    "OAuthAuth",
    "Owner",
    "Pagination",
    "Parts",
    "PersonFind",
    "PersonTable",
    "Pick",
    "Picks",
    "Read",
    "ReceiptTable",
    "RecordList",
    "RefArg",
    "RequestTable",
    "StateRule",
    "SubjectForm",
    "TextArg",
    "seconds_of",
]
