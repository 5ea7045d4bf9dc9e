#include <gtest/gtest.h>

#include "countersign/tlog/checkpoint.hpp"
#include "tlog/vectors.hpp"

namespace countersign::tlog {
namespace {

using namespace testing;

class Notes : public ::testing::Test {
  protected:
    NoteKey log = NoteKey::parse(vectors()["keys"]["log_vkey"].text()).value();
    NoteKey witness = NoteKey::parse(vectors()["keys"]["witness_vkey"].text()).value();
    SigningKey log_key = key_of_seed(vectors()["keys"]["log_seed_hex"].text());
    SigningKey witness_key = key_of_seed(vectors()["keys"]["witness_seed_hex"].text());
    std::string checkpoint{vectors()["checkpoint"].text()};
    std::string cosigned{vectors()["checkpoint_cosigned"].text()};
    std::string proof{vectors()["tlog_proof_index5"].text()};
    Hash leaf5 = hash_of_hex(vectors()["merkle8"]["leaf_hashes"][5].text());
};

TEST_F(Notes, KeysReadAsTheyAreWritten) {
    EXPECT_EQ(log.text(), vectors()["keys"]["log_vkey"].text());
    EXPECT_EQ(witness.type, NoteKey::Type::cosignature);
    EXPECT_EQ(NoteKey::parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")->name,
              "example.com/foo");
    for (const char* bad : {"", "a", "a+b", "a+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
                            "example.com/foo+530d903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"})
        EXPECT_FALSE(NoteKey::parse(bad)) << bad;
}

TEST_F(Notes, OurCheckpointIsTheReferenceByteByByte) {
    Checkpoint made{log.name, {8, hash_of_hex(vectors()["merkle8"]["roots_by_size"][8].text())}};
    Note note{text_of(made), {}};
    note.signatures.push_back(sign_note(note.text, log, signer(log_key)).value());
    EXPECT_EQ(text_of(note), checkpoint);
    note.signatures.push_back(cosign_note(note.text, witness, 1'700'000'000, signer(witness_key)).value());
    EXPECT_EQ(text_of(note), cosigned);
    EXPECT_EQ(cosigned_text(note.text, 1'700'000'000), vectors()["cosigned_message"].text());
    auto read = open_checkpoint(cosigned, log);
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, made);
}

TEST_F(Notes, AWitnessIsToldApartAndItsTimeIsRead) {
    std::vector<NoteKey> both{log, witness};
    auto good = verify_note(*parse_note(cosigned), both);
    ASSERT_TRUE(good);
    ASSERT_EQ(good->size(), 2U);
    EXPECT_FALSE((*good)[0].time);
    EXPECT_EQ((*good)[1].time, 1'700'000'000);
    // A line of somebody unknown is passed over.
    EXPECT_EQ(verify_note(*parse_note(cosigned), std::vector{witness})->size(), 1U);
    EXPECT_FALSE(verify_note(*parse_note(checkpoint), std::vector{witness}));
}

TEST_F(Notes, OneWrongSignatureOfAKnownKeySpoilsTheNote) {
    auto note = *parse_note(cosigned);
    note.signatures[1].bytes.back() = static_cast<char>(note.signatures[1].bytes.back() ^ 1);
    EXPECT_FALSE(verify_note(note, std::vector{log, witness}));
    EXPECT_TRUE(verify_note(note, std::vector{log}));
    auto other_text = *parse_note(checkpoint);
    other_text.text.replace(other_text.text.find("\n8\n"), 3, "\n9\n");
    EXPECT_FALSE(verify_note(other_text, std::vector{log}));
}

TEST_F(Notes, AWitnessTimeCannotBeMoved) {
    auto note = *parse_note(cosigned);
    note.signatures[1].bytes[7] = static_cast<char>(note.signatures[1].bytes[7] + 1);
    EXPECT_FALSE(verify_note(note, std::vector{witness}));
}

TEST_F(Notes, WhatIsNoNoteIsRefused) {
    for (std::string bad :
         {std::string{}, std::string("text\n"), std::string("text\n\n"), std::string("text\n\nno dash\n"),
          checkpoint + "x", checkpoint.substr(0, checkpoint.size() - 1), "\x01" + checkpoint,
          "\xFF" + checkpoint, std::string("t\n\n\xE2\x80\x94 name \n"),
          std::string("t\n\n\xE2\x80\x94 a+b AAAAAAAA\n")})
        EXPECT_FALSE(parse_note(bad)) << bad;
    std::string many = "t\n\n";
    for (std::size_t i = 0; i <= note_signatures_max; ++i) many += "\xE2\x80\x94 name AAAAAAAA\n";
    EXPECT_FALSE(parse_note(many));
}

TEST_F(Notes, ACheckpointOfAnotherLogIsNotTakenForOurs) {
    NoteKey other = log;
    other.name = "approvals.example.com/log2";
    auto opened = open_checkpoint(checkpoint, other);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, "other_log");
    for (const char* text : {"o\n08\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n", "o\n-1\nAAAA\n",
                             "o\n8\n", "\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
                             "o\n0\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
                             "o\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\nmore\n"})
        EXPECT_FALSE(parse_checkpoint(text)) << text;
}

TEST_F(Notes, AProofFileProvesItsOwnLeafAlone) {
    auto read = parse_proof(proof);
    ASSERT_TRUE(read) << read.error().detail;
    EXPECT_EQ(text_of(*read), proof);
    ASSERT_TRUE(verify_proof(*read, leaf5, log));
    Hash leaf4 = hash_of_hex(vectors()["merkle8"]["leaf_hashes"][4].text());
    auto other = verify_proof(*read, leaf4, log);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, "not_included");
    auto moved = *read;
    moved.index = 4;
    EXPECT_FALSE(verify_proof(moved, leaf5, log));
    auto extra = *read;
    extra.extra = "{}";
    EXPECT_EQ(parse_proof(text_of(extra))->extra, "{}");
    EXPECT_TRUE(verify_proof(extra, leaf5, log));
}

TEST_F(Notes, WhatAWitnessIsSentIsTheReference) {
    std::vector<Hash> hashes;
    for (const auto& one : *vectors()["merkle8"]["consistency"].items())
        if (one["from"].whole() == 6 && one["to"].whole() == 8) hashes = hashes_of(one["proof"]);
    EXPECT_EQ(add_checkpoint_body(6, hashes, checkpoint), vectors()["add_checkpoint_body_old6"].text());
}

}  // namespace
}  // namespace countersign::tlog
