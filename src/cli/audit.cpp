#include <fmt/core.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "cli/console.hpp"
#include "cli/database.hpp"
#include "cli/outcome.hpp"
#include "cli/verbs.hpp"
#include "countersign/adapters/audit.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/request_number.hpp"
#include "countersign/server/files.hpp"
#include "countersign/server/server.hpp"
#include "countersign/wire/decision.hpp"
#include "countersign/wire/dsse.hpp"

// `countersign audit …`: proving what was decided, and handing it to auditors.
namespace countersign::cli {
namespace {

using core::Value;

constexpr core::Duration erase_patience = std::chrono::hours{1};
constexpr std::size_t checkpoint_bytes_max = tlog::note_bytes_max;

// One line that is written over, on a terminal alone.
evidence::AuditProgress progress_line() {
    if (!on_terminal(STDERR_FILENO)) return {};
    return [](std::string_view what, std::int64_t done, std::int64_t total) {
        draw(total < 0 ? fmt::format("\r\x1b[K{} {}", done, what)
                       : fmt::format("\r\x1b[K{} of {} {}", done, total, what));
    };
}
void end_progress() {
    if (on_terminal(STDERR_FILENO)) draw("\r\x1b[K");
}

Value findings_of(const std::vector<evidence::Finding>& findings) {
    auto list = Value::array();
    for (const auto& one : findings) list.push(Value::object({{"where", one.where}, {"what", one.what}}));
    return list;
}
void print_findings(const std::vector<evidence::Finding>& findings) {
    for (const auto& one : findings)
        print(
            fmt::format("{}: {}", painted(visible(one.where), Paint::red, STDOUT_FILENO), visible(one.what)));
}

int told(const evidence::Audit& audit, bool json) {
    end_progress();
    int code = audit.good() ? exit_ok : exit_failed;
    if (json) {
        print_json(Value::object({{"good", audit.good()},
                                  {"events", audit.events},
                                  {"requests", audit.requests},
                                  {"entries", audit.entries},
                                  {"checkpoints", audit.checkpoints},
                                  {"decisions", audit.decisions},
                                  {"erased", audit.erased},
                                  {"findings", findings_of(audit.findings)},
                                  {"moreFindings", audit.more_findings}}));
        return code;
    }
    print_findings(audit.findings);
    if (audit.more_findings > 0) print(fmt::format("and {} more", audit.more_findings));
    print(fmt::format("{} events, {} requests with {} entries, {} checkpoints, {} signed decisions: {}",
                      audit.events, audit.requests, audit.entries, audit.checkpoints, audit.decisions,
                      audit.good()
                          ? "all of it holds together"
                          : fmt::format("{} findings", audit.findings.size() + audit.more_findings)));
    if (audit.erased > 0) print(fmt::format("the words of {} requests are erased", audit.erased));
    return code;
}

int verify_folder(const AuditVerifyOptions& options) {
    bool own = options.keys.empty();
    auto keys = evidence::read_keys(own ? options.folder + "/keys.json" : options.keys);
    if (!keys) return failed(keys.error());
    auto audit = evidence::audit_folder(options.folder, *keys, progress_line());
    if (!audit) return failed(audit.error());
    int code = told(*audit, options.json);
    if (own)
        note(
            "checked with the keys that the folder brought along: compare its keys.json with what the "
            "operator "
            "has published, or name that with --keys");
    return code;
}

std::vector<tlog::NoteKey> log_keys_of(const OpenDatabase& open) {
    std::string origin = server::log_origin(open.settings);
    std::vector<tlog::NoteKey> keys{server::log_key(origin, ed25519_of(open.keys->log->public_key()))};
    for (const auto& one : open.keys->retired)
        if (one.name == "log") keys.push_back(server::log_key(origin, ed25519_of(one.public_key)));
    return keys;
}

Result<std::vector<evidence::KnownCheckpoint>> known_checkpoints(const AuditVerifyOptions& options,
                                                                 const std::string& mark) {
    std::vector<evidence::KnownCheckpoint> known;
    auto marked = config::read_file(mark, checkpoint_bytes_max);
    if (marked) known.push_back({"the mark " + mark, std::move(*marked)});
    if (!marked && marked.error().trouble != Trouble::not_found) return pass(marked);
    for (const auto& path : options.checkpoints) {
        auto note = config::read_file(path, checkpoint_bytes_max);
        if (!note) return pass(note);
        known.push_back({path, std::move(*note)});
    }
    return known;
}

int verify_database(const AuditVerifyOptions& options) {
    auto open = open_database(options.config_file);
    if (!open) return failed(open.error());
    auto known = known_checkpoints(options, open->keys->mark);
    if (!known) return failed(known.error());
    auto audit = open->loop->finish(evidence::audit_database(open->database->audit(), open->database->tree(),
                                                             log_keys_of(*open), std::move(*known),
                                                             open->loop->clock(), progress_line()));
    if (!audit) return failed(audit.error());
    return told(*audit, options.json);
}

Result<std::optional<core::Instant>> moment_in(const std::string& text, const char* option,
                                               core::Instant now) {
    if (text.empty()) return std::nullopt;
    if (auto seconds = parse_duration_s(text)) return now - std::chrono::seconds{*seconds};
    if (auto moment = core::parse_rfc3339(text)) return *moment;
    return fail(Trouble::invalid_input,
                fmt::format("{} {}: takes an age such as 90d, or a moment such as 2026-01-05T00:00:00Z",
                            option, visible(text)));
}

// The case that a person names by number or id.
Result<core::Case> named_case(OpenDatabase& open, const std::string& name) {
    auto deadline = open.loop->within(database_patience);
    if (auto id = core::RequestId::parse(name))
        return open.loop->finish(open.database->cases().read(*id, deadline));
    auto number = core::request_number(name);
    if (!number)
        return fail(Trouble::invalid_input,
                    visible(name) + " is no request: take its number or its id, req_…");
    return open.loop->finish(open.database->cases().read_number(*number, deadline));
}

Result<evidence::ExportFilter> filter_of(const AuditExportOptions& options, OpenDatabase& open) {
    auto since = moment_in(options.since, "--since", open.loop->now());
    if (!since) return pass(since);
    auto until = moment_in(options.until, "--until", open.loop->now());
    if (!until) return pass(until);
    evidence::ExportFilter filter{
        .since = *since, .until = *until, .action = {}, .environment = {}, .request = {}};
    if (!options.action.empty()) filter.action = options.action;
    if (!options.environment.empty()) filter.environment = options.environment;
    if (options.request.empty()) return filter;
    auto named = named_case(open, options.request);
    if (!named) return pass(named);
    filter.request = named->request->id;
    return filter;
}

int export_told(const std::string& out, Value document, const std::vector<evidence::Finding>& findings,
                bool json) {
    end_progress();
    document.set("out", out);
    document.set("findings", findings_of(findings));
    if (json)
        print_json(document);
    else
        print_findings(findings);
    if (!findings.empty())
        complain(
            "some requests do not hold together: they were exported as they are, and not signed; run "
            "`countersign audit verify`");
    return findings.empty() ? exit_ok : exit_failed;
}

}  // namespace

int audit_verify_verb(const AuditVerifyOptions& options) {
    return options.folder.empty() ? verify_database(options) : verify_folder(options);
}

int audit_export_verb(const AuditExportOptions& options) {
    auto open = open_database(options.config_file);
    if (!open) return failed(open.error());
    auto filter = filter_of(options, *open);
    if (!filter) return failed(filter.error());
    if (options.format == "csv" || options.format == "ocsf") {
        auto& store = open->database->audit();
        const auto& clock = open->loop->clock();
        auto work =
            options.format == "csv"
                ? evidence::export_tables(store, std::move(*filter), options.out, clock, progress_line())
                : evidence::export_ocsf(store, std::move(*filter), options.out, clock, progress_line());
        auto done = open->loop->finish(std::move(work));
        if (!done) return failed(done.error());
        if (!options.json)
            print(
                fmt::format("{}: {} requests, {} votes", visible(options.out), done->requests, done->votes));
        return export_told(options.out, Value::object({{"requests", done->requests}, {"votes", done->votes}}),
                           done->findings, options.json);
    }
    std::string origin = server::log_origin(open->settings);
    evidence::ExportKeys keys{
        .keys_document =
            core::canonical(http::keys_document(server::public_keys(*open->keys), origin)) + "\n",
        .log = server::log_key(origin, ed25519_of(open->keys->log->public_key())),
        .decision = open->keys->decision.get()};
    bool page = options.format == "html";
    std::string folder = page ? options.out + ".parts" : options.out;
    auto done = open->loop->finish(
        evidence::export_folder(open->database->audit(), open->database->tree(),
                                {.filter = std::move(*filter), .keys = std::move(keys), .folder = folder},
                                open->loop->clock(), progress_line()));
    if (!done) return failed(done.error());
    if (page) {
        auto packed = evidence::pack_export(folder, options.out);
        std::error_code error;
        std::filesystem::remove_all(folder, error);
        if (!packed) return failed(packed.error());
    }
    if (!options.json)
        print(fmt::format("{}: events {} to {}, {} requests, {} signed decisions", visible(options.out),
                          done->first, done->end - 1, done->requests, done->decisions));
    return export_told(options.out,
                       Value::object({{"first", done->first},
                                      {"end", done->end},
                                      {"requests", done->requests},
                                      {"decisions", done->decisions}}),
                       done->findings, options.json);
}

int audit_report_verb(const AuditExportOptions& options) {
    auto open = open_database(options.config_file);
    if (!open) return failed(open.error());
    auto filter = filter_of(options, *open);
    if (!filter) return failed(filter.error());
    auto report = open->loop->finish(evidence::audit_report(open->database->audit(), std::move(*filter),
                                                            open->loop->clock(), progress_line()));
    end_progress();
    if (!report) return failed(report.error());
    if (options.out.empty()) {
        print(report->html);
    } else {
        auto written = server::write_private_file(options.out, report->html);
        if (!written) return failed(written.error());
        note(fmt::format("{}: {} requests", visible(options.out), report->requests));
    }
    for (const auto& one : report->findings)
        complain(fmt::format("{}: {}", visible(one.where), visible(one.what)));
    return report->findings.empty() ? exit_ok : exit_failed;
}

int audit_proof_verb(const AuditProofOptions& options) {
    auto open = open_database(options.config_file);
    if (!open) return failed(open.error());
    auto named = named_case(*open, options.id);
    if (!named) return failed(named.error());
    auto decided = wire::decided_part(*named);
    if (!decided)
        return failed({Trouble::conflict, "nothing is decided yet: the request is pending", "undecided", {}});
    std::string origin = server::log_origin(open->settings);
    auto& tree = open->database->tree();
    auto deadline = open->loop->within(database_patience);
    std::string type = "request." + std::string(core::name_of(decided->ruling.state));
    auto leaf = open->loop->finish(
        tree.leaf_of(decided->c.request->id, decided->c.version(), std::move(type), deadline));
    if (!leaf) return failed(leaf.error());
    if (options.decision) {
        auto statement = wire::decision_statement(*decided, {origin, leaf->index, leaf->body});
        auto envelope =
            wire::envelope_of(core::canonical(statement), wire::statement_type, *open->keys->decision);
        if (!envelope) return failed(envelope.error());
        print(*envelope);
        return exit_ok;
    }
    auto included = open->loop->finish(tree.prove(origin, leaf->index, deadline));
    if (!included) return failed(included.error());
    tlog::InclusionProof proof{std::move(leaf->body), leaf->index, std::move(included->hashes),
                               std::move(included->checkpoint)};
    std::string text = tlog::text_of(proof);
    text.pop_back();  // `print` ends the line
    print(text);
    return exit_ok;
}

int erase_verb(const EraseOptions& options) {
    if (!options.yes)
        return failed(
            {Trouble::invalid_input,
             "what is erased is gone for good: say --yes; docs/evidence.md tells what goes and what stays",
             {},
             {}});
    auto open = open_database(options.config_file, true);
    if (!open) return failed(open.error());
    auto before = moment_in(options.before, "--before", open->loop->now());
    if (!before) return failed(before.error());
    auto& database = *open->database;
    auto erased = open->loop->finish(
        database.erase().erase(options.persons, before->value(), open->loop->within(erase_patience)));
    if (!erased) return failed(erased.error());
    // The act says that, and how much, and nobody's name.
    auto about = Value::object({{"before", core::rfc3339(**before)},
                                {"requests", erased->requests},
                                {"acts", erased->acts},
                                {"by", "administrator"}});
    auto event =
        app::admin_event(app::AdminAct::words_erased, {}, about, open->loop->now(), open->loop->entropy());
    auto recorded =
        open->loop->finish(database.events().record(std::move(event), open->loop->within(database_patience)));
    if (!recorded) return failed(recorded.error());
    if (options.json)
        print_json(Value::object({{"requests", erased->requests}, {"acts", erased->acts}}));
    else
        print(fmt::format("the words of {} requests and {} acts are erased", erased->requests, erased->acts));
    return exit_ok;
}

}  // namespace countersign::cli
