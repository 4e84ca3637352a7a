"""From a query to the catalogue: one run (:mod:`run`), one study (:mod:`study`, read this first), one volume (:mod:`volume`)."""
