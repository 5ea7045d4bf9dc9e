#include <gmock/gmock.h>

#include "countersign/wire/decision.hpp"
#include "countersign/wire/dsse.hpp"
#include "http/desk.hpp"

// What proves a decision, as callers and strangers get it.
namespace countersign::test {
namespace {

using testing::HasSubstr;

class Evidence : public testing::Test {
  protected:
    Desk desk;
    std::string origin = "approvals.example.com/log";

    tlog::NoteKey log_key() const {
        tlog::NoteKey made;
        made.name = origin;
        made.key = desk.log_key.public_key();
        return made;
    }
    void sign() {
        auto done = desk.office.get(desk.tree.publish(
            origin,
            [this](const app::TreeStore::ToSign& what) -> Result<std::string> {
                tlog::Note note{tlog::text_of(tlog::Checkpoint{origin, what.head}), {}};
                auto key = [this](std::string_view bytes) -> Result<std::array<std::byte, 64>> {
                    return desk.log_key.sign(bytes);
                };
                note.signatures.push_back(tlog::sign_note(note.text, log_key(), key).value());
                return tlog::text_of(note);
            },
            desk.office.soon()));
        ASSERT_TRUE(done);
    }
    // A decided request whose decision is a leaf.
    std::string decided(std::string_view body = "the leaf") {
        auto id = desk.file();
        desk.approve(id, "U0AMY");
        auto shown = desk.get("/v1/requests/" + id);
        EXPECT_EQ(shown.body["state"].text(), "approved");
        desk.tree.add({{}, 0, "other", "other"});
        desk.tree.add({core::RequestId::parse(id), 2, "request.approved", std::string(body)});
        return id;
    }
    Result<core::Value> opened(const std::string& envelope) {
        std::array<PublicKey, 1> keys{desk.decision_key->public_key()};
        auto payload = wire::open_envelope(envelope, wire::statement_type, keys);
        if (!payload) return pass(payload);
        return wire::parse_json(*payload, {.bytes_max = 1'000'000});
    }
};

TEST_F(Evidence, ADecisionSaysWhatWasAskedWhoVotedAndWhereItStands) {
    auto id = decided();
    auto reply = desk.get("/v1/requests/" + id + "/decision");
    ASSERT_EQ(reply.status, 200U) << reply.text;
    EXPECT_EQ(reply.field("Content-Type"), "application/vnd.dsse.envelope.v1+json");
    auto statement = opened(reply.text);
    ASSERT_TRUE(statement) << statement.error().detail;
    EXPECT_EQ((*statement)["_type"].text(), wire::statement_v1);
    EXPECT_EQ((*statement)["predicateType"].text(), wire::decision_predicate);
    auto shown = desk.get("/v1/requests/" + id).body;
    EXPECT_EQ("sha256:" + std::string((*statement)["subject"][0]["digest"]["sha256"].text()),
              shown["digest"].text());
    const auto& predicate = (*statement)["predicate"];
    EXPECT_EQ(predicate["decision"].text(), "approved");
    EXPECT_EQ(predicate["request"]["id"].text(), id);
    EXPECT_EQ(predicate["request"]["action"].text(), "deploy");
    EXPECT_EQ(predicate["behind"][0].text(), "riley");
    EXPECT_EQ(predicate["excluded"][0].text(), "riley");
    EXPECT_EQ(predicate["votes"][0]["person"].text(), "amy");
    EXPECT_EQ(predicate["votes"][0]["verdict"].text(), "approve");
    EXPECT_FALSE(predicate["votes"][0]["slot"].text().empty());
    EXPECT_EQ(predicate["policy"]["digest"].text(), shown["policy"]["digest"].text());
    EXPECT_EQ(predicate["decidedAt"].text(), shown["decided_at"].text());
    EXPECT_EQ(predicate["log"]["index"].whole(), 1);
    EXPECT_EQ(predicate["log"]["origin"].text(), origin);
    EXPECT_EQ(predicate["log"]["leaf"].text(), base64("the leaf"));
}

TEST_F(Evidence, ADecisionStaysTheSameWhateverComesAfterIt) {
    auto id = decided();
    auto first = desk.get("/v1/requests/" + id + "/decision").text;
    ASSERT_EQ(desk.post("/v1/requests/" + id + "/cancel", "{}").status, 200U);
    EXPECT_EQ(desk.get("/v1/requests/" + id + "/decision").text, first);
}

TEST_F(Evidence, AnEditedDecisionIsNobodysWord) {
    auto id = decided();
    auto envelope = desk.get("/v1/requests/" + id + "/decision").body;
    auto payload = *unbase64(envelope["payload"].text());
    auto at = payload.find("\"decision\":\"approved\"");
    ASSERT_NE(at, std::string::npos);
    auto edited = envelope;
    edited.set("payload",
               base64(payload.substr(0, at) + "\"decision\":\"refused\" " + payload.substr(at + 21)));
    EXPECT_EQ(opened(core::canonical(edited)).error().code, "bad_signature");
    auto other_type = envelope;
    other_type.set("payloadType", "application/json");
    EXPECT_EQ(opened(core::canonical(other_type)).error().code, "other_type");
}

TEST_F(Evidence, AProofHoldsOnceACheckpointCoversTheDecision) {
    auto id = decided("the leaf");
    auto early = desk.get("/v1/requests/" + id + "/proof");
    EXPECT_EQ(early.status, 503U);
    EXPECT_EQ(early.code(), "not_published");
    EXPECT_EQ(early.field("Retry-After"), "1");
    sign();
    auto reply = desk.get("/v1/requests/" + id + "/proof");
    ASSERT_EQ(reply.status, 200U) << reply.text;
    auto proof = tlog::parse_proof(reply.text);
    ASSERT_TRUE(proof) << proof.error().detail;
    EXPECT_EQ(proof->extra, "the leaf");
    EXPECT_TRUE(tlog::verify_proof(*proof, tlog::leaf_hash("the leaf"), log_key()));
    EXPECT_FALSE(tlog::verify_proof(*proof, tlog::leaf_hash("other"), log_key()));
}

TEST_F(Evidence, WhatIsNotDecidedHasNoDecision) {
    auto id = desk.file();
    for (const char* what : {"/decision", "/proof"}) {
        auto reply = desk.get("/v1/requests/" + id + what);
        EXPECT_EQ(reply.status, 409U) << what;
        EXPECT_EQ(reply.code(), "undecided") << what;
    }
    EXPECT_EQ(desk.get("/v1/requests/req_01JD0000000000000000000000/decision").status, 404U);
}

TEST_F(Evidence, ADecisionIsReadByWhoMayReadTheRequest) {
    auto id = decided();
    auto other = desk.issue({app::Scope::request}, "slack:T0SIM/U0BEN");
    EXPECT_EQ(desk.call("GET", "/v1/requests/" + id + "/decision", {}, {}, other).status, 403U);
    auto reader = desk.issue({app::Scope::read});
    EXPECT_EQ(desk.call("GET", "/v1/requests/" + id + "/decision", {}, {}, reader).status, 200U);
    EXPECT_EQ(desk.call("GET", "/v1/requests/" + id + "/decision", {}, {}, "").status, 401U);
}

TEST_F(Evidence, AnybodyReadsTheLog) {
    EXPECT_EQ(desk.call("GET", "/log/checkpoint", {}, {}, "").status, 503U);
    for (int i = 0; i < 300; ++i) desk.tree.add({{}, 0, "x", "entry " + std::to_string(i)});
    sign();
    auto checkpoint = desk.call("GET", "/log/checkpoint", {}, {}, "");
    ASSERT_EQ(checkpoint.status, 200U);
    EXPECT_EQ(checkpoint.field("Content-Type"), "text/plain; charset=utf-8");
    EXPECT_EQ(checkpoint.field("Cache-Control"), "public, max-age=1");
    auto head = tlog::open_checkpoint(checkpoint.text, log_key());
    ASSERT_TRUE(head);
    // Everything else follows from what is served.
    auto read = [this](const tlog::TileId& tile) -> Result<std::string> {
        auto reply = desk.call("GET", "/log/" + tlog::path_of(tile), {}, {}, "");
        if (reply.status != 200) return fail(Trouble::not_found, reply.text);
        EXPECT_EQ(reply.field("Content-Type"), "application/octet-stream");
        EXPECT_THAT(reply.field("Cache-Control"), HasSubstr("immutable"));
        return reply.text;
    };
    EXPECT_EQ(*tlog::root_of(300, tlog::subtrees_in(300, read)), head->head.root);
    auto bundle = read({tlog::entries_level, 1, 44});
    ASSERT_TRUE(bundle);
    EXPECT_EQ(tlog::entries_in(*bundle, 44)->back(), "entry 299");
    ASSERT_TRUE(read({0, 0}));
    int reads = desk.tree.reads;
    ASSERT_TRUE(read({0, 0}));
    EXPECT_EQ(desk.tree.reads, reads) << "a full tile is read from the store once";
    for (const char* path :
         {"/log/tile/0/001", "/log/tile/0/000.p/0", "/log/tile/0/000.p/256", "/log/tile/9/000.p/1",
          "/log/tile/0/x000/000", "/log/tile/entries/001", "/log/tile/0", "/log/tile/", "/log/"})
        EXPECT_EQ(desk.call("GET", path, {}, {}, "").status, 404U) << path;
}

TEST_F(Evidence, AClosedLogIsNotRead) {
    http::HttpSettings settings;
    settings.log_open = false;
    Desk closed(settings);
    closed.tree.add({{}, 0, "x", "entry"});
    EXPECT_EQ(closed.call("GET", "/log/checkpoint", {}, {}, "").status, 404U);
    EXPECT_EQ(closed.call("GET", "/log/tile/0/000.p/1", {}, {}, "").status, 404U);
}

TEST_F(Evidence, EveryKeyIsPublishedUnderItsPurposeAndTheGrantsKeyAloneInTheKeySet) {
    auto keys = desk.call("GET", "/.well-known/countersign-keys.json", {}, {}, "").body;
    EXPECT_EQ(keys["log"][0]["vkey"].text(), log_key().text());
    EXPECT_EQ(keys["decision"][0]["keyid"].text(), wire::statement_key_id(desk.decision_key->public_key()));
    EXPECT_EQ(*public_key_from_pem(keys["decision"][0]["pem"].text()), desk.decision_key->public_key());
    auto set = desk.call("GET", "/.well-known/jwks.json", {}, {}, "").body;
    ASSERT_EQ(set["keys"].items()->size(), 1U);
    EXPECT_EQ(set["keys"][0]["kid"].text(), desk.key.key_id());
}

}  // namespace
}  // namespace countersign::test
