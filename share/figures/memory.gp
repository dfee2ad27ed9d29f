# How accounts of memory look. `resnet-plot --style MY.gp` takes a copy of this file instead. The
# pictures are drawn with these line styles:
#   1 to 6    networks and what they keep, in order
#   9         the turn from forward to backward
#   11 to 18  what memory is for, from the lowest of the stack

set encoding utf8
set border 3 linewidth 0.8 linecolor rgb '#444444'
set tics out nomirror scale 0.6 textcolor rgb '#444444'
set grid ytics linewidth 0.5 linetype 1 linecolor rgb '#e4e4e4'
set key above right horizontal reverse Left noautotitle samplen 1.6 spacing 1.15 width -1 textcolor rgb '#222222' noopaque
set title textcolor rgb '#222222'
set xlabel textcolor rgb '#222222' offset 0,0.3
set ylabel textcolor rgb '#222222' offset 0.8,0
set datafile missing 'nan'
set rmargin 2.5
set style fill solid 1 noborder
set style increment default

# Okabe and Ito's colours, which people who do not see all colours can tell apart.
set style line 1 linecolor rgb '#0072b2' linewidth 1.6 pointtype 7 pointsize 0.6
set style line 2 linecolor rgb '#e69f00' linewidth 1.6 pointtype 9 pointsize 0.8
set style line 3 linecolor rgb '#009e73' linewidth 1.6 pointtype 5 pointsize 0.6
set style line 4 linecolor rgb '#d55e00' linewidth 1.6 pointtype 6 pointsize 0.7
set style line 5 linecolor rgb '#56b4e9' linewidth 1.6 pointtype 8 pointsize 0.8
set style line 6 linecolor rgb '#cc79a7' linewidth 1.6 pointtype 4 pointsize 0.7
set style line 9 linecolor rgb '#888888' linewidth 0.8 dashtype (4, 3)

set style line 11 linecolor rgb '#444444'
set style line 12 linecolor rgb '#888888'
set style line 13 linecolor rgb '#bbbbbb'
set style line 14 linecolor rgb '#dddddd'
set style line 15 linecolor rgb '#009e73'
set style line 16 linecolor rgb '#0072b2'
set style line 17 linecolor rgb '#e69f00'
set style line 18 linecolor rgb '#cc79a7'
