"""Put back how logging was set up before the first job: levels, handlers, filters, and what is switched off.

To look at each logger after each job would cost 0.1 µs a logger. So it is counted how often an attribute of a logger
was set, and only their lists of handlers and filters, which may be changed in place, are looked at. What a library sets
up for its own loggers as it is imported in a job stays, as the library does.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from operator import itemgetter
from typing import Any

from taskdesk.worker.child.changes import Watched, copy_of

_Values = tuple[Any, ...]
_LOGGER = itemgetter("level", "propagate", "disabled", "handlers", "filters")
_HANDLER = itemgetter("level", "formatter", "filters")
_DEFAULTS: _Values = (logging.NOTSET, True, False, [], [])  # of _LOGGER


class LoggingState:
    def __init__(self) -> None:
        self._manager = logging.root.manager
        self._disabled_level = self._manager.disable
        self._known: set[str] = set()  # names of loggers
        self._modules = set(sys.modules)
        self._loggers: list[logging.Logger] = []
        self._saved_loggers: list[_Values] = []
        self._lists: list[list[Any]] = []  # of the loggers: their handlers, their filters
        self._saved_lists: list[list[Any]] = []
        for logger in (logging.root, *self._new_loggers()):
            self._save(logger, copy_of(_LOGGER(vars(logger))))
        self._handlers = logging.root.handlers.copy()
        self._handler_fields = list(map(vars, self._handlers))
        self._saved_handlers = [copy_of(_HANDLER(fields)) for fields in self._handler_fields]
        self.changes = self._changes_seen = 0
        logging.Logger.__setattr__ = self._counting()  # type: ignore[method-assign, assignment]

    def watched(self) -> Watched:
        functions: list[Callable[[], Any]] = [
            self._manager.loggerDict.__len__,
            partial(any, [each for each in self._lists if not each]),
            [each for each in self._lists if each].copy,
        ]
        handlers = [(handler, name) for handler in self._handlers for name in ("level", "formatter", "filters")]
        return Watched([(self._manager, "_disable"), (self, "changes"), *handlers], functions)

    def restore(self) -> None:
        if self._manager.disable != self._disabled_level:
            logging.disable(self._disabled_level)
        if len(self._manager.loggerDict) != len(self._known):
            self._add_new()
        if len(sys.modules) != len(self._modules):
            self._modules = set(sys.modules)
        if self.changes != self._changes_seen or self._lists != self._saved_lists:
            for logger, values in zip(self._loggers, self._saved_loggers, strict=True):
                _restore_logger(logger, values)
            self._lists = [values for logger in self._loggers for values in (logger.handlers, logger.filters)]
            self._changes_seen = self.changes
        for handler, values in zip(self._handlers, self._saved_handlers, strict=True):
            if _HANDLER(vars(handler)) != values:
                _restore_handler(handler, values)

    def _counting(self) -> Callable[[logging.Logger, str, Any], None]:
        """Return a function that sets an attribute of a logger, and counts that."""

        def set_attribute(logger: logging.Logger, name: str, value: Any) -> None:
            object.__setattr__(logger, name, value)
            self.changes += 1

        return set_attribute

    def _save(self, logger: logging.Logger, values: _Values) -> None:
        *_, handlers, filters = values
        self._loggers.append(logger)
        self._saved_loggers.append(values)
        self._lists += [logger.handlers, logger.filters]
        self._saved_lists += [handlers, filters]

    def _add_new(self) -> None:
        imported = sys.modules.keys() - self._modules
        for logger in self._new_loggers():
            is_of_library = logger.name.partition(".")[0] in imported
            self._save(logger, copy_of(_LOGGER(vars(logger))) if is_of_library else _DEFAULTS)

    def _new_loggers(self) -> list[logging.Logger]:
        """Return the loggers that were made since the last call, and those that are only a parent by name so far."""
        names = self._manager.loggerDict.keys() - self._known
        loggers = [logging.getLogger(name) for name in names]
        self._known = set(self._manager.loggerDict)
        return loggers


def _restore_logger(logger: logging.Logger, values: _Values) -> None:
    level, logger.propagate, logger.disabled, handlers, filters = values
    for handler in logger.handlers:
        if handler not in handlers:
            with suppress(Exception):  # its stream may be closed
                handler.flush()
    logger.handlers[:] = handlers
    logger.filters[:] = filters
    if logger.level != level:
        logger.setLevel(level)


def _restore_handler(handler: logging.Handler, values: _Values) -> None:
    level, formatter, filters = values
    handler.setLevel(level)
    handler.setFormatter(formatter)
    handler.filters[:] = filters
