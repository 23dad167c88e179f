// Constants that several shaders share.

const float PI = 3.14159265359;
const float BACKGROUND_DEPTH = 1e30;  // depth where there is no surface, metres
