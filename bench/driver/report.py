"""Turns figures into medians, ratios and a table."""
import os
import statistics
import sys

ROWS = [  # title, key, unit, digits
    ("requests created", "requests_per_second", "/s", 0),
    ("click → acknowledged, p50", "acknowledged_p50_ms", "ms", 2),
    ("click → acknowledged, p99", "acknowledged_p99_ms", "ms", 2),
    ("click → card updated, p50", "card_p50_ms", "ms", 2),
    ("click → card updated, p99", "card_p99_ms", "ms", 2),
    ("click → waiter answered, p50", "answered_p50_ms", "ms", 2),
    ("click → waiter answered, p99", "answered_p99_ms", "ms", 2),
    ("decision → waiter answered, p99", "decision_to_answer_p99_ms", "ms", 2),
    ("decisions, 32 in flight", "decisions_per_second", "/s", 0),
    ("  acknowledged there, p99", "acknowledged_in_flight_p99_ms", "ms", 1),
    ("processor time per decision", "cpu_us_per_decision", "µs", 0),
    ("  of PostgreSQL per decision", "postgres_cpu_us_per_decision", "µs", 0),
    ("  of the stand-in per decision", "standin_cpu_us_per_decision", "µs", 0),
    ("processor time per request", "cpu_us_per_request", "µs", 0),
    ("resident memory after the load", "memory_mb", "MB", 1),
    ("start → ready", "start_to_ready_ms", "ms", 0),
]
TARGETS = [  # title, key, at most or at least, factor of slack-go's figure or None for an absolute limit
    ("decisions/s ≥ 1.7 × slack-go", "decisions_per_second", "least", 1.7, None),
    ("requests created ≥ 1.2 × slack-go", "requests_per_second", "least", 1.2, None),
    ("acknowledged p50 ≤ 0.75 × slack-go", "acknowledged_p50_ms", "most", 0.75, None),
    ("acknowledged p99 ≤ 0.6 × slack-go", "acknowledged_p99_ms", "most", 0.6, None),
    ("card updated p50 ≤ 0.85 × slack-go", "card_p50_ms", "most", 0.85, None),
    ("processor time per decision ≤ 0.45 × slack-go", "cpu_us_per_decision", "most", 0.45, None),
    ("processor time of PostgreSQL ≤ 0.45 × slack-go", "postgres_cpu_us_per_decision", "most", 0.45, None),
    ("start → ready ≤ 100 ms", "start_to_ready_ms", "most", None, 100.0),
    ("decision → waiter p99 ≤ 3 ms", "decision_to_answer_p99_ms", "most", None, 3.0),
]


def check_complete(name, figures, plan):
    """Says on stderr when something was lost: a figure that hides losses is no figure."""
    for part, wanted in (("paced", plan.paced), ("racing", plan.racing), ("waiting", plan.waiters)):
        if part in figures and figures[part]["completed"] != wanted:
            print(f"  {name}: only {figures[part]['completed']} of {wanted} {part} clicks were acknowledged, "
                  "shown on the card and told", file=sys.stderr)
    if figures["filed"]["refused"]:
        print(f"  {name}: {figures['filed']['refused']} requests refused: "
              f"{figures['filed']['first_refusal']}", file=sys.stderr)


def _flat(figures):
    paced, racing, waiting = figures["paced"], figures["racing"], figures.get("waiting")
    out = {
        "requests_per_second": figures["filed"]["per_second"],
        "cards_per_second": figures["filed"]["cards_per_second"],
        "cpu_us_per_request": figures["filed"]["server_cpu_us_each"],
        "decisions_per_second": racing["per_second"],
        "cpu_us_per_decision": racing["server_cpu_us_each"],
        "postgres_cpu_us_per_decision": racing["postgres_cpu_us_each"],
        "standin_cpu_us_per_decision": racing["standin_cpu_us_each"],
        "memory_mb": figures["memory_mb"],
        "start_to_ready_ms": figures.get("start_to_ready_ms"),
        "lost": sum(part["clicks"] - part["completed"] for part in (paced, racing, waiting) if part),
    }
    for part, source, prefix in ((paced, "acknowledged_ms", "acknowledged"), (paced, "card_ms", "card"),
                                 (racing, "acknowledged_ms", "acknowledged_in_flight"),
                                 (waiting, "answered_ms", "answered"),
                                 (waiting, "acknowledged_to_answered_ms", "decision_to_answer")):
        values = part[source] if part else None
        for percentile in ("p50", "p99"):
            out[f"{prefix}_{percentile}_ms"] = values[percentile] if values else None
    return out


def summarise(results):
    """Returns medians over the rounds, and the targets with what was found."""
    subjects = {}
    for name, rounds in results["subjects"].items():
        flat = [_flat(figures) for figures in rounds]
        subjects[name] = {key: statistics.median(f[key] for f in flat) if flat[0][key] is not None else None
                          for key in flat[0]}
        subjects[name]["lost"] = sum(f["lost"] for f in flat)
    targets = []
    ours, yardstick = subjects.get("countersign"), subjects.get("slack-go")
    for title, key, sense, factor, limit in TARGETS:
        if not ours or ours[key] is None or (factor and not yardstick):
            continue
        bound = limit if limit is not None else factor * yardstick[key]
        met = ours[key] >= bound if sense == "least" else ours[key] <= bound
        targets.append({"target": title, "bound": bound, "found": ours[key], "met": met})
    return {"subjects": subjects, "targets": targets,
            "pgbench_vote_statement_tps": statistics.median(results["pgbench"]), "processors": os.cpu_count(), "load_average": os.getloadavg()[0]}


def print_table(summary, results):
    subjects = summary["subjects"]
    names = list(subjects)
    compare = "countersign" in subjects and "slack-go" in subjects
    print()
    header = f"{'':34}" + "".join(f"{name:>15}" for name in names)
    print(header + (f"{'ours / slack-go':>18}" if compare else ""))
    for title, key, unit, digits in ROWS:
        line = f"{title:34}"
        for name in names:
            value = subjects[name][key]
            line += f"{'–' if value is None else f'{value:,.{digits}f} {unit}':>15}"
        if compare and subjects["countersign"][key] and subjects["slack-go"][key]:
            line += f"{subjects['countersign'][key] / subjects['slack-go'][key]:>18.2f}"
        print(line)
    print("\npgbench, one durable five-row vote statement, 16 clients: "
          f"{summary['pgbench_vote_statement_tps']:,.0f}/s")
    print(f"medians of {results['rounds']} round(s) on {summary['processors']} processors shared with the load "
          f"and PostgreSQL {results['postgres']['server_version']} (fsync {results['postgres']['fsync']}, "
          f"synchronous_commit {results['postgres']['synchronous_commit']}); load average at the end "
          f"{summary['load_average']:.1f}")
    for name in names:
        if subjects[name]["lost"]:
            print(f"{name}: {subjects[name]['lost']} clicks came to no end")
    if summary["targets"]:
        print()
    for target in summary["targets"]:
        print(f"{'met     ' if target['met'] else 'NOT MET '} {target['target']}: {target['found']:,.2f} "
              f"against {target['bound']:,.2f}")
