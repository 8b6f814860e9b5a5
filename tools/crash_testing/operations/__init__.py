"""What can be killed, by name."""

from tools.crash_testing.operations.backup import BACKUP
from tools.crash_testing.operations.build import BUILD
from tools.crash_testing.operations.delete import DELETE
from tools.crash_testing.operations.ingest import INGEST
from tools.crash_testing.operations.switch import SWITCH
from tools.crash_testing.round import Operation

OPERATIONS: dict[str, Operation] = {each.name: each for each in (BUILD, SWITCH, DELETE, BACKUP, INGEST)}
