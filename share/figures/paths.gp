# How paths look. `resnet-plot --style MY.gp` takes a copy of this file instead. The pictures are drawn
# with these line styles:
#   1, 2, 3   bars and medians; down-sampling blocks; other blocks
#   4         how many paths there are, where more is shown
#   5, 6      quartile band, means
#   9         lines between stages
#   21, 31    shares as the paper counts them, exactly; and the ranges that carry most

set encoding utf8
set border 3 linewidth 0.8 linecolor rgb '#444444'
set tics out nomirror scale 0.6 textcolor rgb '#444444'
set xtics autofreq
set grid ytics linewidth 0.5 linetype 1 linecolor rgb '#e4e4e4'
set key above right horizontal reverse Left noautotitle samplen 1.6 spacing 1.15 width -1 textcolor rgb '#222222' noopaque
set title textcolor rgb '#222222'
set xlabel textcolor rgb '#222222' offset 0,0.3
set ylabel textcolor rgb '#222222' offset 0.8,0
set datafile missing 'nan'
set lmargin 8
set rmargin 2.5
set boxwidth 0.8 absolute
set style fill solid 1 noborder
set style increment default

# Okabe and Ito's colours, which people who do not see all colours can tell apart.
set style line 1 linecolor rgb '#0072b2' linewidth 1.4 pointtype 7 pointsize 0.5
set style line 2 linecolor rgb '#e69f00' linewidth 1.2 pointtype 9 pointsize 1.1
set style line 3 linecolor rgb '#0072b2' linewidth 1.2 pointtype 7 pointsize 0.7
set style line 4 linecolor rgb '#888888' linewidth 1.2 dashtype (6, 3)
set style line 5 linecolor rgb '#bcd9ea' linewidth 1
set style line 6 linecolor rgb '#d55e00' linewidth 1 pointtype 6 pointsize 0.5
set style line 9 linecolor rgb '#bbbbbb' linewidth 0.8
set style line 21 linecolor rgb '#d55e00' linewidth 1.5 pointtype 6 pointsize 0.5
set style line 31 linecolor rgb '#0072b2' linewidth 1.5 pointtype 7 pointsize 0.5

# Heat maps: from pale to dark, in print too.
set palette defined (0 '#f4f7fa', 0.25 '#b9d5e6', 0.5 '#5ea6cc', 0.75 '#1b6aa5', 1 '#062f5c')
