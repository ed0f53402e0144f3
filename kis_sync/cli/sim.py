"""``kis-sync sim``: the simulator on its own, for any KIS client.

This room changes when the simulator is started in another way.
"""

from __future__ import annotations

import threading
from datetime import datetime
from math import inf

import click

from kis_sync.cli.options import number

_FORMS = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")


@click.command("sim")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any free one."
)
@click.option("--mode", type=click.Choice(["live", "paper"]), default="paper", show_default=True)
@click.option("--limit", type=float, help="Calls a second (default: KIS's newest for the mode).")
@click.option(
    "--window", type=click.Choice(["sliding", "fixed"]), default="sliding", show_default=True,
    help="How a second is counted.",
)  # fmt: skip
@click.option("--latency", type=float, default=0.0, help="Seconds that each way takes.")
@click.option("--jitter", type=float, default=0.0, help="Up to so many seconds more, at random.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed is another market.")
@click.option("--at", help='When the simulator begins, "2026-11-24 10:30" in KST (default: in mid-session).')
@click.option("--examples", is_flag=True, help="Answer what is not simulated with KIS's documented examples.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(
    port: int,
    mode: str,
    limit: float | None,
    window: str,
    latency: float,
    jitter: float,
    seed: int,
    at: str | None,
    examples: bool,
    debug: bool,
) -> None:
    """Run the KIS simulator on this machine until Ctrl-C."""
    from kis_sync.sim import Simulator

    if limit is not None and not 0 < limit < inf:
        raise click.UsageError("--limit must be above 0")
    if not (0 <= latency < inf and 0 <= jitter < inf):
        raise click.UsageError("--latency and --jitter must be seconds of at least 0")
    simulator = Simulator(
        port=port, mode=mode, limit=limit, window=window, latency=latency, jitter=jitter, seed=seed,  # type: ignore[arg-type]
        at=None if at is None else _moment(at), examples=examples,
    )  # fmt: skip
    try:
        simulator.start()
    except OSError as error:
        raise click.UsageError(f"{error.strerror}; choose another with --port") from None
    with simulator:
        print(f"KIS simulator ({mode}, {simulator.gate.limit:g} calls a second) on {simulator.base_url}")
        print("Any key of 36 characters, secret of 180 and account is a customer. Ready to use:")
        for name, value in (
            ("KIS_BASE_URL", simulator.base_url),
            ("KIS_APP_KEY", simulator.app_key),
            ("KIS_APP_SECRET", simulator.app_secret),
            ("KIS_ACCOUNT_NO", simulator.account_no),
            ("MODE", mode),
        ):
            print(f"  {name}={value}")
        print(f"The simulator's clock says {simulator.clock.now():%Y-%m-%d %H:%M} in Korea, and runs.")
        if examples:
            print("What is not simulated is answered by KIS's documented examples: nothing in them is true.")
        print("Ctrl-C stops it.", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            stats = simulator.stats
            print(
                f"{number(stats.calls)} calls, at most {stats.most_calls_in_any_second} in any second, "
                f"{number(sum(stats.rejections.values()))} refused"
            )


def _moment(text: str) -> datetime:
    """A date and a time of day that the market can show; raises ``click.UsageError`` for anything else."""
    from kis_sync.sim.simulator import running_from

    for form in _FORMS:
        try:
            moment = datetime.strptime(text, form)
        except ValueError:
            continue
        try:
            running_from(moment)
        except ValueError as error:
            raise click.UsageError(f"--at: {error}") from None
        return moment
    raise click.UsageError(f'--at must be a date and a time in Korea like "2026-11-24 10:30", not {text!r}')
