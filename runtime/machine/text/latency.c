
double roof_${name}(long turns, double y)
{
    double x = y;
    for (long turn = 0; turn < turns; turn++) { ${body} }
    return x;
}
