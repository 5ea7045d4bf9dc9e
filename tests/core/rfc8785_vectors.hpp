#pragma once
#include <array>
#include <cstdint>
#include <string_view>

// These are published RFC 8785 test data: number patterns and whole documents with their canonical bytes (in
// hex).
namespace countersign::core {

inline constexpr std::array<std::uint64_t, 168> es6_patterns{
    0x0000000000000000, 0x8000000000000000, 0x0000000000000001, 0x8000000000000001, 0xc46696695dbd1cc3,
    0xc43211ede4974a35, 0xc3fce97ca0f21056, 0xc3c7213080c1a6ac, 0xc39280f39a348556, 0xc35d9b1f5d20d557,
    0xc327af4c4a80aaac, 0xc2f2f2a36ecd5556, 0xc2be51057e155558, 0xc28840d131aaaaac, 0xc253670dc1555557,
    0xc21f0b4935555557, 0xc1e8d5d42aaaaaac, 0xc1b3de4355555556, 0xc17fca0555555556, 0xc1496e6aaaaaaaab,
    0xc114585555555555, 0xc0e046aaaaaaaaab, 0xc0aa0aaaaaaaaaaa, 0xc074d55555555555, 0xc040aaaaaaaaaaab,
    0xc00aaaaaaaaaaaab, 0xbfd5555555555555, 0xbfa1111111111111, 0xbf6b4e81b4e81b4f, 0xbf35d867c3ece2a5,
    0xbf0179ec9cbd821e, 0xbecbf647612f3696, 0xbe965e9f80f29212, 0xbe61e54c672874db, 0xbe2ca213d840baf8,
    0xbdf6e80fe033c8c6, 0xbdc2533fe68fd3d2, 0xbd8d51ffd74c861c, 0xbd5774ccac3d3817, 0xbd22c3d6f030f9ac,
    0xbcee0624b3818f79, 0xbcb804ea293472c7, 0xbc833721ba905bd3, 0xbc4ebe9c5db3c61e, 0xbc18987d17c304e5,
    0xbbe3ad30dfcf371d, 0xbbaf7b816618582f, 0xbb792f9ab81379bf, 0xbb442615600f9499, 0xbb101e77800c76e1,
    0xbad9ca58cce0be35, 0xbaa4a1e0a3e6fe90, 0xba708180831f320d, 0xba3a68cd9e985016, 0x446696695dbd1cc3,
    0x443211ede4974a35, 0x43fce97ca0f21056, 0x43c7213080c1a6ac, 0x439280f39a348556, 0x435d9b1f5d20d557,
    0x4327af4c4a80aaac, 0x42f2f2a36ecd5556, 0x42be51057e155558, 0x428840d131aaaaac, 0x4253670dc1555557,
    0x421f0b4935555557, 0x41e8d5d42aaaaaac, 0x41b3de4355555556, 0x417fca0555555556, 0x41496e6aaaaaaaab,
    0x4114585555555555, 0x40e046aaaaaaaaab, 0x40aa0aaaaaaaaaaa, 0x4074d55555555555, 0x4040aaaaaaaaaaab,
    0x400aaaaaaaaaaaab, 0x3fd5555555555555, 0x3fa1111111111111, 0x3f6b4e81b4e81b4f, 0x3f35d867c3ece2a5,
    0x3f0179ec9cbd821e, 0x3ecbf647612f3696, 0x3e965e9f80f29212, 0x3e61e54c672874db, 0x3e2ca213d840baf8,
    0x3df6e80fe033c8c6, 0x3dc2533fe68fd3d2, 0x3d8d51ffd74c861c, 0x3d5774ccac3d3817, 0x3d22c3d6f030f9ac,
    0x3cee0624b3818f79, 0x3cb804ea293472c7, 0x3c833721ba905bd3, 0x3c4ebe9c5db3c61e, 0x3c18987d17c304e5,
    0x3be3ad30dfcf371d, 0x3baf7b816618582f, 0x3b792f9ab81379bf, 0x3b442615600f9499, 0x3b101e77800c76e1,
    0x3ad9ca58cce0be35, 0x3aa4a1e0a3e6fe90, 0x3a708180831f320d, 0x3a3a68cd9e985016, 0x4024000000000000,
    0x4014000000000000, 0x3fe0000000000000, 0x3fa999999999999a, 0x3f747ae147ae147b, 0x3f40624dd2f1a9fc,
    0x3f0a36e2eb1c432d, 0x3ed4f8b588e368f1, 0x3ea0c6f7a0b5ed8d, 0x3e6ad7f29abcaf48, 0x3e35798ee2308c3a,
    0x3ed539223589fa95, 0x3ed4ff26cd5a7781, 0x3ed4f95a762283ff, 0x3ed4f8c60703520c, 0x3ed4f8b72f19cd0d,
    0x3ed4f8b5b31c0c8d, 0x3ed4f8b58d1c461a, 0x3ed4f8b5894f7f0e, 0x3ed4f8b588ee37f3, 0x3ed4f8b588e47da4,
    0x3ed4f8b588e3849c, 0x3ed4f8b588e36bb5, 0x3ed4f8b588e36937, 0x3ed4f8b588e368f8, 0x3ed4f8b588e368f1,
    0x3ff0000000000000, 0xbff0000000000000, 0xbfeffffffffffffa, 0xbfeffffffffffffb, 0x3feffffffffffffa,
    0x3feffffffffffffb, 0x3feffffffffffffc, 0x3feffffffffffffe, 0xbfefffffffffffff, 0xbfefffffffffffff,
    0x3fefffffffffffff, 0x3fefffffffffffff, 0x3fd3333333333332, 0x3fd3333333333333, 0x3fd3333333333334,
    0x0010000000000000, 0x000ffffffffffffd, 0x000fffffffffffff, 0x7fefffffffffffff, 0xffefffffffffffff,
    0x4340000000000000, 0xc340000000000000, 0x4430000000000000, 0x44b52d02c7e14af5, 0x44b52d02c7e14af6,
    0x44b52d02c7e14af7, 0x444b1ae4d6e2ef4e, 0x444b1ae4d6e2ef4f, 0x444b1ae4d6e2ef50, 0x3eb0c6f7a0b5ed8c,
    0x3eb0c6f7a0b5ed8d, 0x41b3de4355555553, 0x41b3de4355555554, 0x41b3de4355555555, 0x41b3de4355555556,
    0x41b3de4355555557, 0xbecbf647612f3696, 0x43143ff3c1cb0959,
};
inline constexpr std::string_view es6_sha256_1000 =
    "be18b62b6f69cdab33a7e0dae0d9cfa869fda80ddc712221570f9f40a5878687";
inline constexpr std::string_view es6_sha256_10000 =
    "b9f7a8e75ef22a835685a52ccba7f7d6bdc99e34b010992cbc5864cd12be6892";
inline constexpr std::string_view es6_sha256_100000 =
    "22776e6d4b49fa294a0d0f349268e5c28808fe7e0cb2bcbe28f63894e494d4c7";

struct JcsVector {
    std::string_view name;
    std::string_view input;
    std::string_view output_hex;
};
inline constexpr std::array<JcsVector, 6> jcs_vectors{{
    {"arrays",
     R"~([)~"
     "\n"
     R"~(  56,)~"
     "\n"
     R"~(  {)~"
     "\n"
     R"~(    "d": true,)~"
     "\n"
     R"~(    "10": null,)~"
     "\n"
     R"~(    "1": [ ])~"
     "\n"
     R"~(  })~"
     "\n"
     R"~(])~"
     "\n"
     R"~()~"
     "\n",
     "5b35362c7b2231223a5b5d2c223130223a6e756c6c2c2264223a747275657d5d"},
    {"french",
     R"~({)~"
     "\n"
     R"~(  "peach": "This sorting order",)~"
     "\n"
     R"~(  "péché": "is wrong according to French",)~"
     "\n"
     R"~(  "pêche": "but canonicalization MUST",)~"
     "\n"
     R"~(  "sin":   "ignore locale")~"
     "\n"
     R"~(})~"
     "\n"
     R"~()~"
     "\n",
     "7b227065616368223a225468697320736f7274696e67206f72646572222c2270c3a96368c3a9223a2269732077726f6e"
     "67206163636f7264696e6720746f204672656e6368222c2270c3aa636865223a226275742063616e6f6e6963616c697a"
     "6174696f6e204d555354222c2273696e223a2269676e6f7265206c6f63616c65227d"},
    {"structures",
     R"~({)~"
     "\n"
     R"~(  "1": {"f": {"f": "hi","F": 5} ,"\n": 56.0},)~"
     "\n"
     R"~(  "10": { },)~"
     "\n"
     R"~(  "": "empty",)~"
     "\n"
     R"~(  "a": { },)~"
     "\n"
     R"~(  "111": [ {"e": "yes","E": "no" } ],)~"
     "\n"
     R"~(  "A": { })~"
     "\n"
     R"~(})~"
     "\n",
     "7b22223a22656d707479222c2231223a7b225c6e223a35362c2266223a7b2246223a352c2266223a226869227d7d2c22"
     "3130223a7b7d2c22313131223a5b7b2245223a226e6f222c2265223a22796573227d5d2c2241223a7b7d2c2261223a7b"
     "7d7d"},
    {"unicode",
     R"~({)~"
     "\n"
     R"~(  "Unnormalized Unicode":"A\u030a")~"
     "\n"
     R"~(})~"
     "\n"
     R"~()~"
     "\n",
     "7b22556e6e6f726d616c697a656420556e69636f6465223a2241cc8a227d"},
    {"values",
     R"~({)~"
     "\n"
     R"~(  "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],)~"
     "\n"
     R"~(  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",)~"
     "\n"
     R"~(  "literals": [null, true, false])~"
     "\n"
     R"~(})~"
     "\n",
     "7b226c69746572616c73223a5b6e756c6c2c747275652c66616c73655d2c226e756d62657273223a5b33333333333333"
     "33332e333333333333332c31652b33302c342e352c302e3030322c31652d32375d2c22737472696e67223a22e282ac24"
     "5c75303030665c6e4127425c225c5c5c5c5c222f227d"},
    {"weird",
     R"~({)~"
     "\n"
     R"~(  "\u20ac": "Euro Sign",)~"
     "\n"
     R"~(  "\r": "Carriage Return",)~"
     "\n"
     R"~(  "\u000a": "Newline",)~"
     "\n"
     R"~(  "1": "One",)~"
     "\n"
     R"~(  "\u0080": "Control\u007f",)~"
     "\n"
     R"~(  "\ud83d\ude02": "Smiley",)~"
     "\n"
     R"~(  "\u00f6": "Latin Small Letter O With Diaeresis",)~"
     "\n"
     R"~(  "\ufb33": "Hebrew Letter Dalet With Dagesh",)~"
     "\n"
     R"~(  "</script>": "Browser Challenge")~"
     "\n"
     R"~(})~"
     "\n"
     R"~()~"
     "\n",
     "7b225c6e223a224e65776c696e65222c225c72223a2243617272696167652052657475726e222c2231223a224f6e6522"
     "2c223c2f7363726970743e223a2242726f77736572204368616c6c656e6765222c22c280223a22436f6e74726f6c7f22"
     "2c22c3b6223a224c6174696e20536d616c6c204c6574746572204f205769746820446961657265736973222c22e282ac"
     "223a224575726f205369676e222c22f09f9882223a22536d696c6579222c22efacb3223a22486562726577204c657474"
     "65722044616c6574205769746820446167657368227d"},
}};

}  // namespace countersign::core
