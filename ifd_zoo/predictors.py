"""Several models at once, as the app shows them."""

import threading

from ifd_zoo.predictor import Predictor


class Predictors:
    """Predictors by the name of their model, loaded when first asked for; they share one parser. Safe between threads.

    Args:
        sources: name -> what `Predictor` takes as model.
        parser, device, precision: as for `Predictor`.
    """

    def __init__(
        self, sources: dict[str, str], parser: object = 'bundled', device: str | None = None, precision: str = 'auto'
    ) -> None:
        self.sources, self.parser, self.device, self.precision = sources, parser, device, precision
        self._loaded: dict[str, Predictor] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Predictor:
        """The predictor of that name; errors as for `Predictor`, and KeyError for an unknown name."""
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = Predictor(self.sources[name], self.parser, self.device, precision=self.precision)
                self.parser = self._loaded[name].parser
            return self._loaded[name]
