#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <sstream>

#include "countersign/adapters/audit.hpp"
#include "countersign/wire/dsse.hpp"
#include "countersign/wire/json.hpp"
#include "pg/published_log.hpp"

// A folder for auditors, and what is seen when somebody changes it.
namespace countersign::contract {
namespace {

namespace fs = std::filesystem;

class AnExport : public ThePublishedLog {
  protected:
    std::unique_ptr<const Signer> decision_key = make_signer(log_key_of('d'));
    std::string out = folder + "/export";
    core::RequestId id = opened();

    core::RequestId opened(const std::string& action = {}) {
        auto fresh = on.fresh();
        if (!action.empty()) {
            fresh.request.action = action;
            fresh.request.digest = core::digest_of(fresh.request);
        }
        return on.get(on.cases().open(fresh, on.soon())).value().opened.request->id;
    }
    void vote(const std::string& user, core::RequestId request) {
        ASSERT_TRUE(on.get(on.cases().append(on.vote(request, user), on.soon())));
    }
    void SetUp() override {
        vote("U0AMY", id);
        vote("U0BEN", id);
        opened("deploy.api");
        add_events(600);
        published();
    }
    Result<evidence::Exported> exported(evidence::ExportFilter filter = {}) {
        evidence::ExportKeys keys{
            .keys_document = keys_document(), .log = note_key(key), .decision = decision_key.get()};
        return on.get(evidence::export_folder(
            on.database->audit(), on.database->tree(),
            {.filter = std::move(filter), .keys = std::move(keys), .folder = out}, on.clock, {}));
    }
    std::string keys_document() const {
        auto list = [](core::Value one) {
            auto all = core::Value::array();
            all.push(std::move(one));
            return all;
        };
        return core::canonical(core::Value::object(
            {{"log", list(core::Value::object({{"vkey", note_key(key).text()}}))},
             {"decision", list(core::Value::object({{"pem", pem_of(decision_key->public_key())}}))}}));
    }
    evidence::Audit audit() {
        auto keys = evidence::read_keys(out + "/keys.json");
        EXPECT_TRUE(keys) << keys.error().detail;
        auto done = evidence::audit_folder(out, *keys, {});
        EXPECT_TRUE(done) << done.error().detail;
        return done ? *done : evidence::Audit{};
    }
    void expect_good() {
        auto done = audit();
        for (const auto& one : done.findings) ADD_FAILURE() << one.where << ": " << one.what;
    }
    void expect_found(const std::string& what) {
        auto done = audit();
        std::string all;
        for (const auto& one : done.findings) all += one.where + ": " + one.what + "\n";
        EXPECT_NE(all.find(what), std::string::npos) << "none says '" << what << "' among\n" << all;
    }
    static std::string content(const std::string& path) {
        std::ostringstream text;
        text << std::ifstream{path, std::ios::binary}.rdbuf();
        return text.str();
    }
    std::string request_file() const { return out + "/requests/" + id.text() + ".json"; }
    std::string statement_file() const { return out + "/decisions/" + id.text() + ".dsse.json"; }
    std::string proof_file() const { return out + "/decisions/" + id.text() + ".tlog-proof"; }
    void replace(const std::string& path, const std::string& from, const std::string& to) {
        auto text = content(path);
        auto at = text.find(from);
        ASSERT_NE(at, std::string::npos) << from;
        text.replace(at, from.size(), to);
        std::ofstream(path, std::ios::binary) << text;
    }
};

TEST_F(AnExport, ProvesItselfWithPublicKeysAlone) {
    auto done = exported();
    ASSERT_TRUE(done) << done.error().detail;
    EXPECT_EQ(done->requests, 2);
    EXPECT_EQ(done->decisions, 1);
    on.database.reset();
    expect_good();
    auto proven = audit();
    EXPECT_EQ(proven.events, 605);
    EXPECT_EQ(proven.requests, 2);
    EXPECT_EQ(proven.decisions, 1);
}

TEST_F(AnExport, OfOneRequestHoldsItAlone) {
    auto done = exported({.since = {}, .until = {}, .action = {}, .environment = {}, .request = id});
    ASSERT_TRUE(done) << done.error().detail;
    EXPECT_EQ(done->requests, 1);
    expect_good();
    EXPECT_EQ(audit().requests, 1);
}

TEST_F(AnExport, OfAPeriodHoldsItsEventsAndTheWholeRequestsTheyTellOf) {
    auto later = on.clock.now() + 10min;
    on.clock.set(later);
    vote("U0CAT", id);
    auto other = opened();
    add_events(3);
    published();
    auto done = exported({.since = later, .until = {}, .action = {}, .environment = {}, .request = {}});
    ASSERT_TRUE(done) << done.error().detail;
    EXPECT_EQ(done->first, 605);
    EXPECT_TRUE(fs::exists(out + "/requests/" + other.text() + ".json"));
    expect_good();
    EXPECT_EQ(audit().events, done->end - done->first);
}

TEST_F(AnExport, OfAnActionIsNoClaimOfCompleteness) {
    auto done =
        exported({.since = {}, .until = {}, .action = "deploy.api", .environment = {}, .request = {}});
    ASSERT_TRUE(done);
    EXPECT_EQ(done->requests, 1);
    expect_good();
}

TEST_F(AnExport, IsNotWrittenOverAnything) {
    ASSERT_TRUE(exported());
    EXPECT_EQ(exported().error().trouble, Trouble::conflict);
}

TEST_F(AnExport, WhoseVoteWasChangedIsFoundOut) {
    ASSERT_TRUE(exported());
    replace(request_file(), "\\\"verdict\\\":\\\"approve\\\"", "\\\"verdict\\\":\\\"deny\\\"");
    expect_found("the words of entry");
}

TEST_F(AnExport, WhoseRecordAndWordsWereBothChangedIsFoundOut) {
    ASSERT_TRUE(exported());
    for (int i = 0; i < 4; ++i)
        replace(request_file(), "\\\"verdict\\\":\\\"approve\\\"", "\\\"verdict\\\":\\\"deny\\\"");
    expect_found("is not what the request says");
}

TEST_F(AnExport, WhoseRulesWereChangedIsFoundOut) {
    ASSERT_TRUE(exported());
    replace(request_file(), "\\\"count\\\":2", "\\\"count\\\":1");
    expect_found("the request or its rules are not those");
}

TEST_F(AnExport, ThatLacksARequestIsFoundOut) {
    ASSERT_TRUE(exported());
    fs::remove(request_file());
    expect_found("is missing, though event");
}

TEST_F(AnExport, ThatLacksEventsIsFoundOut) {
    ASSERT_TRUE(exported());
    fs::remove(out + "/log/tile/entries/001");
    expect_found("tile/entries/001: is missing");
}

TEST_F(AnExport, WhoseLeafWasChangedIsFoundOut) {
    ASSERT_TRUE(exported());
    replace(out + "/log/tile/entries/000", "\"type\":\"", "\"typf\":\"");
    expect_found("tile/entries/000: holds other entries than the log's tree");
}

TEST_F(AnExport, WhoseLeafAndTileWereBothChangedIsFoundOut) {
    ASSERT_TRUE(exported());
    auto path = out + "/log/tile/entries/000";
    replace(path, "\"type\":\"", "\"typf\":\"");
    auto bundle = content(path);
    std::string tile;
    auto entries = tlog::entries_in(bundle, 256).value();
    for (auto entry : entries) tile += as_text(tlog::leaf_hash(entry));
    std::ofstream(out + "/log/tile/0/000", std::ios::binary) << tile;
    expect_found("tile/entries/000: is not in the tree that the checkpoint was signed of");
}

TEST_F(AnExport, WhoseCheckpointWasEditedIsFoundOut) {
    ASSERT_TRUE(exported());
    replace(out + "/log/checkpoint", "\n605\n", "\n604\n");
    expect_found("log/checkpoint: is not signed");
}

TEST_F(AnExport, WithAnOlderCheckpointReplayedIsFoundOut) {
    auto older = publish()->note;
    add_events(3);
    published();
    ASSERT_TRUE(exported());
    expect_good();
    // It is a good one of this log, and does not cover what the folder claims to hold.
    std::ofstream(out + "/log/checkpoint", std::ios::binary) << older;
    expect_found("names events that the checkpoint does not cover");
}

TEST_F(AnExport, WhoseStatementIsSignedInAnotherEncodingIsFoundOut) {
    auto p256 = P256SigningKey::generate();
    decision_key = make_signer(P256SigningKey::from_pem(p256.to_pem().reveal()).value());
    ASSERT_TRUE(exported());
    expect_good();
    auto envelope = wire::parse_json(content(statement_file()), {.bytes_max = 1'000'000}).value();
    auto der = *unbase64(envelope["signatures"][0]["sig"].text());
    std::string raw;
    for (std::size_t at = 2; at < der.size(); at += 2 + static_cast<std::size_t>(der[at + 1])) {
        auto number = der.substr(at + 2, static_cast<std::size_t>(der[at + 1]));
        number.insert(0, 32, '\0');
        raw += number.substr(number.size() - 32);
    }
    ASSERT_EQ(raw.size(), 64U);
    auto signatures = core::Value::array();
    signatures.push(core::Value::object({{"sig", base64(raw)}}));
    envelope.set("signatures", std::move(signatures));
    std::ofstream(statement_file()) << core::canonical(envelope);
    expect_found("nobody whose key is known signed this");
}

TEST_F(AnExport, WhoseDecisionWasEditedIsFoundOut) {
    ASSERT_TRUE(exported());
    auto envelope = wire::parse_json(content(statement_file()), {.bytes_max = 1'000'000}).value();
    auto payload = *unbase64(envelope["payload"].text());
    payload.replace(payload.find("\"amy\""), 5, "\"dan\"");
    // Signed anew, with a key that signs something else.
    std::ofstream(statement_file())
        << wire::envelope_of(payload, wire::statement_type, *make_signer(log_key_of('a'))).value();
    expect_found("nobody whose key is known signed this");
    // And with the right one: it is not what the records come to.
    std::ofstream(statement_file())
        << wire::envelope_of(payload, wire::statement_type, *decision_key).value();
    expect_found("says something else than the request's records come to");
    std::ofstream(statement_file()) << wire::envelope_of(payload, "text/plain", *decision_key).value();
    expect_found("not application/vnd.in-toto+json");
}

TEST_F(AnExport, WithAProofForAnotherLeafIsFoundOut) {
    ASSERT_TRUE(exported());
    auto proof = *tlog::parse_proof(content(proof_file()));
    ++proof.index;
    std::ofstream(proof_file()) << tlog::text_of(proof);
    expect_found("is of another leaf");
    --proof.index;
    proof.hashes.front() = tlog::leaf_hash("x");
    std::ofstream(proof_file()) << tlog::text_of(proof);
    expect_found("does not stand at that place of the log");
}

TEST_F(AnExport, WithNamesTwiceInADocumentIsFoundOut) {
    ASSERT_TRUE(exported());
    replace(request_file(), "\"number\":", "\"number\":7,\"number\":");
    expect_found("two members of one name");
    EXPECT_FALSE(audit().good());
}

TEST_F(AnExport, OfARequestThatDoesNotHoldTogetherIsNotSigned) {
    on.sql(
        "ALTER TABLE entry DISABLE TRIGGER ALL; UPDATE entry SET words = replace(words, 'fine', 'forged') "
        "WHERE "
        "version = 2");
    auto done = exported();
    ASSERT_TRUE(done) << done.error().detail;
    EXPECT_FALSE(done->findings.empty());
    EXPECT_EQ(done->decisions, 0);
    EXPECT_FALSE(fs::exists(statement_file()));
    expect_found("the words of entry 2 are not those that were recorded");
}

TEST_F(AnExport, ErasedWordsLeaveEveryProofValid) {
    on.sql(
        "UPDATE entry SET words = NULL; UPDATE request SET words = NULL, salt = NULL; UPDATE act SET words = "
        "NULL, "
        "salt = NULL");
    auto done = exported();
    ASSERT_TRUE(done) << done.error().detail;
    EXPECT_EQ(done->decisions, 1);
    expect_good();
    EXPECT_EQ(audit().erased, 2);
    EXPECT_EQ(content(request_file()).find("amy"), std::string::npos);
}

TEST_F(AnExport, TablesHaveARowForEachRequestAndEachVoteAndNoFormula) {
    on.get(on.cases().append(on.vote(opened("deploy.web"), "U0AMY", core::Verdict::deny, "=1+1 \"no\""),
                             on.soon()))
        .value();
    auto done = on.get(evidence::export_tables(on.database->audit(), {}, out, on.clock, {}));
    ASSERT_TRUE(done) << done.error().detail;
    EXPECT_EQ(done->requests, 3);
    EXPECT_EQ(done->votes, 3);
    auto votes = content(out + "/votes.csv");
    EXPECT_NE(votes.find(",\"'=1+1 \"\"no\"\"\","), std::string::npos) << votes;
    EXPECT_EQ(std::ranges::count(votes, '\n'), 4);
    EXPECT_NE(content(out + "/requests.csv").find("amy for security; ben for security"), std::string::npos);
}

TEST_F(AnExport, OcsfEventsHaveWhatTheirClassAsksFor) {
    auto done = on.get(evidence::export_ocsf(on.database->audit(), {}, out, on.clock, {}));
    ASSERT_TRUE(done) << done.error().detail;
    std::istringstream lines(content(out + "/events.ocsf.jsonl"));
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        auto event = wire::parse_json(line, {.bytes_max = 1'000'000}).value();
        EXPECT_EQ(event["class_uid"].whole(), 3004);
        EXPECT_EQ(event["category_uid"].whole(), 3);
        EXPECT_EQ(event["type_uid"].whole(), 300400 + event["activity_id"].whole());
        EXPECT_EQ(event["metadata"]["version"].text(), "1.8.0");
        EXPECT_GT(event["time"].whole(), 0);
        EXPECT_GT(event["severity_id"].whole(), 0);
        EXPECT_FALSE(event["entity"]["uid"].text().empty());
        EXPECT_FALSE(event["actor"]["user"]["name"].text().empty());
    }
    EXPECT_EQ(count, 4);
}

TEST_F(AnExport, AReportAnswersAndHoldsNoMarkupOfOthers) {
    on.get(on.cases().append(
               on.vote(opened("deploy.web"), "U0AMY", core::Verdict::deny, "<script>x</script>"), on.soon()))
        .value();
    auto act = app::admin_event(app::AdminAct::policy_loaded, "sha256:<b>policy</b>",
                                core::Value::object({{"n", 1}}), on.clock.now(), *on.entropy);
    ASSERT_TRUE(on.get(on.log().record(act, on.soon())));
    while (on.get(on.log().sequence(std::nullopt, on.soon())).value().more) continue;
    auto report = on.get(evidence::audit_report(on.database->audit(), {}, on.clock, {}));
    ASSERT_TRUE(report) << report.error().detail;
    EXPECT_TRUE(report->findings.empty());
    // When the rules changed, and by which of them requests were judged.
    EXPECT_NE(report->html.find("policy.loaded</td><td>sha256:&lt;b&gt;policy"), std::string::npos);
    EXPECT_NE(report->html.find("Policies that requests were judged by"), std::string::npos);
    evidence::ExportFilter before;
    before.until = on.clock.now() - std::chrono::hours{1};
    auto earlier = on.get(evidence::audit_report(on.database->audit(), before, on.clock, {}));
    EXPECT_EQ(earlier.value().html.find("policy.loaded"), std::string::npos);
    EXPECT_EQ(report->requests, 3);
    EXPECT_EQ(report->html.find("<script"), std::string::npos);
    EXPECT_NE(report->html.find("&lt;script&gt;x"), std::string::npos);
    EXPECT_NE(report->html.find("amy for security, ben for security"), std::string::npos);
}

TEST_F(AnExport, ErasingAPersonTakesTheirWordsAndNothingElse) {
    auto other = opened("deploy.web");  // nobody voted, and it is pending
    auto erase = [this](std::vector<std::string> names, core::Instant before) {
        // The application's role may not: only the owner of the tables erases.
        OnPostgres owner{on.uri, on.uri};
        auto done = owner.get(owner.database->erase().erase(std::move(names), before, owner.soon()));
        EXPECT_TRUE(done) << done.error().detail;
        return done ? done->requests : -1;
    };
    add_events(1);
    published();
    EXPECT_EQ(erase({"amy"}, on.clock.now() + 1s), 0) << "what is not at an end keeps its words";
    ASSERT_TRUE(on.get(on.cases().append(
        on.command(id, core::Claim{core::AccountId{"token:tok_ci"}, on.fresh().request.digest, {}}),
        on.soon())));
    EXPECT_EQ(erase({"amy"}, on.clock.now() + 1s), 0) << "an outcome may come";
    ASSERT_TRUE(on.get(on.cases().append(
        on.command(id, core::Report{core::AccountId{"token:tok_ci"}, true, "done"}), on.soon())));
    add_events(1);
    published();
    EXPECT_EQ(erase({"amy"}, on.clock.now()), 0) << "not all of it was before";
    EXPECT_EQ(erase({"am", "AMY"}, on.clock.now() + 1s), 0) << "these are nobody's names";
    EXPECT_EQ(erase({"amy"}, on.clock.now() + 1s), 1);
    EXPECT_EQ(erase({"amy"}, on.clock.now() + 1s), 0);
    EXPECT_EQ(on.sql("SELECT count(*) FROM request WHERE words IS NULL"), "1");
    EXPECT_TRUE(on.get(on.cases().read(other, on.soon())));
    auto proven = on.get(evidence::audit_database(on.database->audit(), on.database->tree(), {note_key(key)},
                                                  {}, on.clock, {}));
    for (const auto& one : proven->findings) ADD_FAILURE() << one.where << ": " << one.what;
    ASSERT_TRUE(exported());
    expect_good();
    EXPECT_EQ(audit().erased, 1);
    EXPECT_EQ(content(request_file()).find("amy"), std::string::npos);
}

}  // namespace
}  // namespace countersign::contract
