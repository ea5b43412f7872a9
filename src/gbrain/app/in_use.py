"""The models that get vectors of what comes in."""

from __future__ import annotations

from gbrain.app.brain import Brain
from gbrain.app.specs import local_spec, spec_of
from gbrain.domain.models import LOCAL, NONE
from gbrain.services import models


async def model_in_use(brain: Brain, *, probing: bool) -> models.InUse:
    """The models that get vectors; where there is none yet, the one that the settings name is registered.

    An endpoint is asked only where `probing`. A local embedder of a version that the brain has not seen is to be filled
    beside the one that is active; one that was replaced stays so.
    """
    found = await brain.ask(models.in_use)
    named = brain.settings.embedder
    if named == NONE:
        return models.InUse(active=None, filling=None)
    for model in found.each:
        await models.seed(brain.pool, model)
    if found.active is None and (probing or named in (None, LOCAL)):
        await models.register(brain.pool, await spec_of(brain.settings, named or LOCAL))
        return await brain.ask(models.in_use)
    if found.active is not None and found.active.embedder == LOCAL and found.filling is None:
        spec = local_spec()
        known = [model.fingerprint for model in await brain.ask(models.every)]
        if spec.fingerprint not in known:
            await models.register(brain.pool, spec)
            return await brain.ask(models.in_use)
    return found
