# Writes OUTPUT, a C++ file that defines assay::embedded::SYMBOL with the bytes of INPUT.
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" escaped "${hex}")
string(REGEX REPLACE "((\\\\x[0-9a-f][0-9a-f])(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?)" "\"\\1\"\n" lines "${escaped}")
string(LENGTH "${hex}" digits)
math(EXPR bytes "${digits} / 2")
file(WRITE ${OUTPUT} "#include <string_view>\n\nnamespace assay::embedded {\nextern const std::string_view ${SYMBOL};\nconst std::string_view ${SYMBOL}(\n${lines}, ${bytes});\n}  // namespace assay::embedded\n")
